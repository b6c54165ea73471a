"""What the Makefile's environment is made of decides whether it is left alone, completed or made anew."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tools import environment


@pytest.fixture
def done(monkeypatch, tmp_path):
    """The steps that a call of ``main`` takes, which are not carried out."""
    steps = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "make_virtual_environment", lambda _: steps.append("make"))
    monkeypatch.setattr(environment, "install", lambda _, groups: steps.append(groups))
    return steps


@pytest.fixture
def folder(tmp_path):
    """An environment that is complete with the group ``test``."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").touch()
    stamp(tmp_path / "env")
    return tmp_path / "env"


def stamp(folder, **changed):
    made = {
        "basis": environment.basis(folder),
        "inputs": environment.fingerprint_of_inputs(),
        "groups": ["test"],
    }
    environment.stamp_file(folder).write_text(json.dumps(made | changed))


def test_a_complete_one_is_left_alone(done, folder):
    environment.main(folder, {"test"})
    environment.main(folder, set())
    assert done == []


def test_a_missing_group_is_added(done, folder):
    environment.main(folder, {"lint"})
    assert done == [["lint", "test"]]


def test_changed_project_files_are_installed_with_the_groups_that_were_there(done, folder):
    stamp(folder, inputs="of another commit")
    environment.main(folder, set())
    assert done == [["test"]]


def test_one_of_another_python_or_place_is_made_anew(done, folder):
    stamp(folder, basis=environment.basis(folder.parent))
    environment.main(folder, {"lint"})
    assert done == ["make", ["lint"]]


def test_one_that_was_cut_off_is_made_anew(done, folder):
    environment.stamp_file(folder).unlink()
    environment.main(folder, {"test"})
    assert done == ["make", ["test"]]


def test_an_unsupported_python_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"no Python 3\.10 to 3\.13 is on the path.*make PYTHON="):
        environment.run_in_supported_python()


def test_a_step_that_fails_is_named(tmp_path, capfd):
    with pytest.raises(SystemExit, match="Could not install the moon: exit code 3 of"):
        environment.run([sys.executable, "-c", "raise SystemExit(3)"], "the moon", tmp_path)


def test_without_arguments_it_says_how_it_is_used():
    said = subprocess.run([sys.executable, environment.__file__], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "Usage" in said.stderr
