"""Python packages for the images, laid out in a folder without being installed into any Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from testbed.images.rootfs import PYTHON


def lay_out(requirements: list[str], folder: Path, *, dependencies: bool) -> None:
    """Install packages for the images' Python into a folder."""
    command = [find_uv(), "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--target", str(folder), "--python-version", PYTHON]
    if not dependencies:
        command.append("--no-deps")
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"installing {' '.join(requirements)} for the images failed:\n{done.stderr[-3000:]}"
        )


def find_uv() -> str:
    """The uv of the running environment, or the one on the path."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeError("uv is not installed: run through make, which installs it")
    return found
