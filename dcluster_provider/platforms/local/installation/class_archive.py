"""An archive of the classes that an engine loads when it starts: with it, each of its JVMs starts in half the time.

It is Java's class data sharing (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html). A JVM whose Java
or class path does not fit the archive starts without it, and says nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.files import locked_if_free
from dcluster_provider.platforms.local.installation.engines import LocalEngine

_LOG = logging.getLogger(__name__)
_MAX_SECONDS = 300.0
_REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class Training:
    """A short run of an engine, whose classes are archived.

    :param command: the options, main class and arguments of its Java.
    """

    command: Sequence[str]
    environment: dict[str, str]


def archive_options(engine: LocalEngine) -> tuple[str, ...]:
    """The options of a JVM that uses the archive; none when there is none for this engine and Java."""
    file = _archive(engine)
    return (f"-XX:SharedArchiveFile={file}", "-Xshare:auto") if file.is_file() else ()


def ensure_archive(
    engine: LocalEngine, training: Callable[[LocalEngine, Path], Training], report: Report
) -> None:
    """Make the archive of an engine, unless it is there, another process makes it, or it was tried in vain.

    An engine starts without one, too: what goes wrong is logged.

    :param training: gives the run, whose files are in a folder of its own.
    :param report: called with progress messages.
    """
    try:
        _ensure(engine, training, report)
    except OSError as error:
        _LOG.info("%s %s starts without a class archive: %s", engine.kind, engine.version, error)


def _ensure(engine: LocalEngine, training: Callable[[LocalEngine, Path], Training], report: Report) -> None:
    file = _archive(engine)
    in_vain = file.with_suffix(".none")
    if file.is_file() or in_vain.exists() or not os.access(file.parent, os.W_OK):
        return
    with locked_if_free(file.with_suffix(".lock")) as free:
        if not free or file.is_file() or in_vain.exists():
            return
        for stale in file.parent.glob(f"{file.stem}.*.draft"):
            stale.unlink(missing_ok=True)
        draft = file.with_suffix(f".{secrets.token_hex(4)}.draft")
        try:
            with TemporaryDirectory() as folder:
                failure = _run(engine, training(engine, Path(folder)), Path(folder), draft, report)
            if not failure and draft.is_file():
                draft.rename(file)
            else:
                _LOG.info("%s %s starts without a class archive: %s", engine.kind, engine.version, failure)
                in_vain.write_text(failure)
        finally:
            draft.unlink(missing_ok=True)


def _archive(engine: LocalEngine) -> Path:
    """The file for this Java, which reads no other's; it goes with the engine's own folder."""
    program = engine.java.resolve()
    changed = program.stat().st_mtime_ns if program.exists() else 0
    key = hashlib.sha256(f"{program} {changed}".encode()).hexdigest()[:12]
    return engine.python.parent.parent / f"classes-{key}.jsa"


def _run(engine: LocalEngine, training: Training, folder: Path, archive: Path, report: Report) -> str:
    """Run the training; what is the matter with it, or nothing."""
    command = [str(engine.java), f"-XX:ArchiveClassesAtExit={archive}", *training.command]
    begun = time.monotonic()
    with (folder / "training.log").open("w+b") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=training.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            while time.monotonic() - begun < _MAX_SECONDS:
                report(
                    f"Archiving the classes of {engine.kind} {engine.version} once, with which it starts in half the "
                    f"time: {time.monotonic() - begun:.0f} s"
                )
                try:
                    code = process.wait(_REPORT_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
                return f"exit code {code}: {_last_lines(folder / 'training.log')}" if code else ""
            raise TimeoutError(
                f"it took longer than {_MAX_SECONDS:.0f} s"
            )  # on a machine that has other work
        finally:
            process.kill()
            process.wait()


def _last_lines(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-5:])
