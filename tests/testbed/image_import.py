"""Runs as the first process of namespaces: a containerd that takes in the archive on standard input and ends.

Usage: python -m testbed.image_import ROOT
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from testbed.containerd import SOCKET, configuration, wait_until_it_answers
from testbed.namespaces import mount_own_run_folder


def main(root: Path) -> int:
    """Import images into a root folder of containerd."""
    mount_own_run_folder()
    settings = Path("/run/containerd.toml")
    settings.write_text(configuration(root, Path("/run/networks")))
    containerd = subprocess.Popen(["containerd", "--config", str(settings)], stdin=subprocess.DEVNULL)
    wait_until_it_answers(containerd)
    code = subprocess.run(
        ["ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import", "-"], check=False
    ).returncode
    containerd.terminate()
    containerd.wait()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
