"""Installs a job's requirements once, then becomes the job. Executed as a program; the standard library is all it has.

    python -I requirements_runner.py PLAN

PLAN is a JSON object: ``folder`` of the environment, ``engine`` (the folder of the engine's packages, which are to be
found too), ``requirements`` (their file), ``packed`` (an environment in their place; may be empty), ``uv`` (for a
Python without ensurepip; may be empty), ``argv`` of the job.
Beside the folder:
    NAME.lock   held by whoever makes or removes it
    NAME/ready  written when all is installed; its time is that of the last job that began
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NoReturn


def main(plan: dict[str, Any]) -> NoReturn:
    """Install what is missing, and run the job in the place of this process."""
    signal.signal(signal.SIGTERM, _end)
    folder = Path(plan["folder"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / "ready"
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what was begun and never ended
            if plan["packed"]:
                _unpack(folder, plan["packed"])
            else:
                _install(folder, plan)
        ready.touch()
    sys.stdout.flush()
    os.execv(plan["argv"][0], plan["argv"])  # noqa: S606 - no shell is to read it


def _install(folder: Path, plan: dict[str, Any]) -> None:
    has_pip, has_ensurepip = (importlib.util.find_spec(name) is not None for name in ("pip", "ensurepip"))
    python = str(folder / "bin" / "python")
    if has_pip or has_ensurepip or not plan["uv"]:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    else:
        seeded = ["venv", "--seed", "--quiet", "--no-project", "--python", sys.executable]
        _run([plan["uv"], *seeded, str(folder)])
    packages = next(folder.glob("lib/python3.*/site-packages"))
    (packages / "engine.pth").write_text(f"{plan['engine']}\n", encoding="utf-8")  # its pip is found, too
    if has_ensurepip and not has_pip:
        _run([python, "-m", "ensurepip", "--default-pip"])
    options = ["--no-input", "--disable-pip-version-check", "--requirement", plan["requirements"]]
    _run([python, "-m", "pip", "install", *options])


def _unpack(folder: Path, packed: str) -> None:
    try:
        with tarfile.open(packed) as archive:
            # A virtual environment links to the Python that it was made of.
            archive.extraction_filter = lambda member, _: member
            archive.extractall(folder)  # noqa: S202 - the job runs what is in it
    except (tarfile.TarError, OSError, EOFError) as error:
        sys.exit(f"The job's requirements cannot be unpacked: {packed}: {error}")
    python, relocate = folder / "bin" / "python", folder / "bin" / "conda-unpack"
    if not python.exists():
        sys.exit(
            f"The job's requirements cannot be used: {packed} is no packed environment with bin/python in it"
        )
    if relocate.exists():
        _run([str(python), str(relocate)])


def _run(command: list[str]) -> None:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
        try:
            code = child.wait()
        finally:
            child.kill()
    if code:
        sys.exit(
            f"The job's requirements cannot be installed: {' '.join(command[:4])} ended with exit code {code}"
        )


def _end(*_: Any) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
