"""Make the environment that the Makefile's targets run in, or find it complete and leave it as it is.

Usage: environment.py FOLDER [DEPENDENCY GROUP ...]

Needs nothing but Python, and any Python 3 can read it far enough to say which one is wanted.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 13), (3, 12), (3, 11), (3, 10))
DOWNLOAD = "some 100 MB from PyPI the first time, a minute"
INPUTS = ("pyproject.toml", "constraints.txt")


def main(folder: Path, groups: "set[str]") -> None:
    """Bring the environment in ``folder`` up to date with the project's files and these dependency groups."""
    run_in_supported_python()
    folder = folder.resolve()
    os.chdir(str(ROOT))
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds the first one's work
        made = read_stamp(folder)
        if made is None or made.get("basis") != basis(folder):
            make_virtual_environment(folder)
            made = {"inputs": "", "groups": []}
        if made["inputs"] != fingerprint_of_inputs() or not groups <= set(made["groups"]):
            install(folder, sorted(groups | set(made["groups"])))


def run_in_supported_python() -> None:
    """Go on with a Python that Airflow runs on: this one or another on the path. Without one, say so and end."""
    if sys.version_info[:2] in SUPPORTED:
        return
    for version in SUPPORTED:
        python = shutil.which("python{}.{}".format(*version))
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(python, [python, *sys.argv])  # noqa: S606 - the same script, in another interpreter
    sys.exit(
        f"{sys.executable} is Python {version_here()}, and no Python 3.10 to 3.13 is on the path. "
        "Install one, then name it: make PYTHON=/path/to/python3.12 ..."
    )


def version_here() -> str:
    """The running interpreter's version."""
    return sys.version.split()[0]


def make_virtual_environment(folder: Path) -> None:
    """A fresh environment with uv in it, which installs the rest in a tenth of pip's time."""
    print(f"Preparing {folder.name} with Python {version_here()}: {DOWNLOAD}", flush=True)
    stamp_file(folder).unlink(missing_ok=True)
    purpose = "a virtual environment (on Debian and Ubuntu it needs the package python3-venv)"
    run([sys.executable, "-m", "venv", "--clear", str(folder)], purpose, folder)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--constraint", "constraints.txt", "uv"], "uv", folder)


def install(folder: Path, groups: "list[str]") -> None:
    """Install the package, editable, with these dependency groups.

    The stamp is written last: an environment whose installation was cut off has none and is made anew.
    """
    stamp_file(folder).unlink(missing_ok=True)
    pip = [str(folder / "bin" / "uv"), "pip", "install", "--python", str(folder / "bin" / "python")]
    pip += ["--quiet", "--constraint", "constraints.txt"]
    for group in groups:
        pip += ["--group", group]
    run([*pip, "--editable", "."], "the package and what it needs", folder)
    stamp = {"basis": basis(folder), "inputs": fingerprint_of_inputs(), "groups": groups}
    stamp_file(folder).write_text(json.dumps(stamp))


def run(command: "list[str]", purpose: str, folder: Path) -> None:
    """Run a step, telling of progress on a terminal; when it fails, end with its purpose and exit code."""
    process = subprocess.Popen(command)
    begun, free = time.monotonic(), shutil.disk_usage(folder.parent).free
    while process.poll() is None:
        if sys.stderr.isatty():
            written = max(0, free - shutil.disk_usage(folder.parent).free) // 10**6
            print(f"\r{written} MB written, {time.monotonic() - begun:.0f} s ", end="", file=sys.stderr)
        time.sleep(0.2)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if process.returncode:
        sys.exit(f"Could not install {purpose}: exit code {process.returncode} of {' '.join(command)}")


def basis(folder: Path) -> str:
    """What an environment is tied to: its interpreter, and its place, which stands in its scripts."""
    return f"{folder} {sys.version}"


def fingerprint_of_inputs() -> str:
    """What the project's files ask for."""
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in INPUTS)).hexdigest()


def read_stamp(folder: Path) -> "dict[str, Any] | None":
    """What a complete environment was made of; none when there is no such environment."""
    try:
        return json.loads(stamp_file(folder).read_text()) if (folder / "bin" / "python").exists() else None
    except FileNotFoundError:
        return None


def stamp_file(folder: Path) -> Path:
    """Where a complete environment says what it was made of."""
    return folder / "installed.json"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), set(sys.argv[2:]))
