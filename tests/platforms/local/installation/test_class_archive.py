"""The archive of an engine's classes: made once, by one process, and never the reason that nothing starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcluster_provider.platforms.local.files import locked
from dcluster_provider.platforms.local.installation import class_archive
from dcluster_provider.platforms.local.installation.class_archive import (
    Training,
    archive_options,
    ensure_archive,
)
from dcluster_provider.platforms.local.installation.engines import LocalEngine

# It archives what it is told to and leaves a trace of having run.
JAVA = """\
#!/bin/sh
echo run >> {runs}
[ {code} = 0 ] && echo classes > "${{1#-XX:ArchiveClassesAtExit=}}"
echo "cannot open $2"
exit {code}
"""


@pytest.fixture
def engine(tmp_path):
    """Makes an engine whose Java ends with an exit code."""

    def make(code: int = 0) -> LocalEngine:
        java = tmp_path / "java"
        java.write_text(JAVA.format(runs=tmp_path / "runs", code=code))
        java.chmod(0o755)
        python = tmp_path / "engine" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        return LocalEngine("spark", "4.3.0", python, tmp_path / "engine", java, 17)

    return make


def training(engine: LocalEngine, folder: Path) -> Training:
    return Training(["training.jar"], {})


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_it_is_made_once_and_used_from_then_on(engine, tmp_path):
    found, told = engine(), []
    assert archive_options(found) == ()
    for _ in range(2):
        ensure_archive(found, training, told.append)
    assert runs(tmp_path) == 1
    archive, share = archive_options(found)
    assert Path(archive.removeprefix("-XX:SharedArchiveFile=")).read_text() == "classes\n"
    assert share == "-Xshare:auto"
    assert told[0].startswith("Archiving the classes of spark 4.3.0 once")


def test_another_java_has_an_archive_of_its_own(engine, tmp_path):
    ensure_archive(engine(), training, print)
    other = engine(0)
    other.java.write_text(other.java.read_text() + "\n")
    assert archive_options(other) == ()


def test_what_fails_is_not_tried_again_and_leaves_nothing_that_looks_like_one(engine, tmp_path, caplog):
    found = engine(1)
    caplog.set_level("INFO")
    for _ in range(2):
        ensure_archive(found, training, print)
    assert runs(tmp_path) == 1
    assert archive_options(found) == ()
    assert "exit code 1: cannot open training.jar" in caplog.text
    assert list((tmp_path / "engine").glob("*.draft")) == []


def test_nobody_waits_for_another_process_that_makes_it(engine, tmp_path):
    found = engine()
    ensure_archive(found, training, print)
    (archive,) = (tmp_path / "engine").glob("*.jsa")
    archive.unlink()
    with locked(archive.with_suffix(".lock")):
        ensure_archive(found, training, print)
    assert runs(tmp_path) == 1


def test_what_a_process_that_was_killed_has_left_goes(engine, tmp_path):
    found = engine()
    ensure_archive(found, training, print)
    (archive,) = (tmp_path / "engine").glob("*.jsa")
    half = archive.with_suffix(".0a1b2c3d.draft")
    archive.rename(half)
    ensure_archive(found, training, print)
    assert archive.exists()
    assert not half.exists()


def test_a_disk_that_is_full_or_a_run_that_takes_too_long_keeps_nothing_from_starting(
    engine, tmp_path, monkeypatch, caplog
):
    caplog.set_level("INFO")
    found = engine()

    def full(*_):
        raise OSError(28, "No space left on device")

    ensure_archive(found, full, print)
    assert "No space left on device" in caplog.text
    monkeypatch.setattr(class_archive, "_MAX_SECONDS", -1.0)
    ensure_archive(found, training, print)
    assert "it took longer than" in caplog.text
    monkeypatch.undo()
    ensure_archive(found, training, print)  # the next one tries again
    assert archive_options(found) != ()


def test_a_folder_that_cannot_be_written_has_none(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    ensure_archive(engine(), training, print)
    assert runs(tmp_path) == 0
