"""The lowest layer of all images: Debian with Java 17, Python and its pip, and the engines' users."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from testbed.namespaces import WITH_PARENT, inside

SUITE = "bookworm"
PACKAGES = "openjdk-17-jre-headless,python3,python3-pip,python-is-python3,procps,tini,ca-certificates"
JAVA_HOME = "/usr/lib/jvm/java-17-openjdk-amd64"
PYTHON = "3.11"  # the suite's
USERS = {"spark": 185, "flink": 9999}  # as in the projects' own images
COMMAND = [
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    f"--include={PACKAGES}",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=force-unsafe-io",
]


def make_rootfs(file: Path, log: Path) -> None:
    """Write the root file system as a tar file."""
    groups = [f'--customize-hook=chroot "$1" groupadd --gid {uid} {name}' for name, uid in USERS.items()]
    users = [
        f'--customize-hook=chroot "$1" useradd --uid {uid} --gid {uid} --home-dir /opt/{name} {name}'
        for name, uid in USERS.items()
    ]
    # It mounts into the file system that it makes, and must leave no mount behind when it is killed.
    command = [*WITH_PARENT, *inside([*COMMAND, *groups, *users, SUITE, str(file)], network=False)]
    environment = os.environ | {"TMPDIR": str(file.parent)}
    with log.open("wb") as output:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()[-20:]
        raise RuntimeError("mmdebstrap could not make the images' file system:\n" + "\n".join(lines))
