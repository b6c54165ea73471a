"""Engines that fit, and those that are refused before anything is installed."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.releases import releases_of
from dcluster_provider.platforms.local.installation import engines
from dcluster_provider.platforms.local.installation.engine_choice import choose_engine
from dcluster_provider.platforms.local.installation.java import Java, find_java
from dcluster_provider.platforms.local.installation.pythons import find_python, python_version
from dcluster_provider.platforms.local.settings import LocalSettings

SPARK, SPARK4, FLINK = (releases_of(kind)[-1] for kind in ("spark3", "spark4", "flink"))


@pytest.fixture
def settings(tmp_path):
    return LocalSettings(home=tmp_path / "home", engines_folder=tmp_path / "engines", deployment="tests")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def fake_java(home: Path, version: str, modules: str = "java.base@1") -> Path:
    """A ``java`` that tells its version and modules, as far as the platform looks."""
    say = f"echo 'openjdk version \"{version}\"' >&2"
    return script(home / "bin" / "java", f'if [ "$1" = --list-modules ]; then echo {modules}; else {say}; fi')


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.8.0_402", False), ("11.0.2", False), ("17.0.15", True), ("21", True), ("25-ea", False)],
)
def test_a_java_fits_by_its_version(tmp_path, version, fits):
    fake_java(tmp_path, version)
    java, rejected = find_java(str(tmp_path), SPARK)
    assert (java is not None) is fits
    if not fits:
        assert "is not 17 to 21" in rejected[0]


def test_the_java_of_the_settings_is_the_only_one_looked_at(tmp_path, settings):
    with pytest.raises(PlatformRefused) as refusal:
        engines.check_engine("spark", settings.model_copy(update={"java_home": str(tmp_path / "none")}))
    assert refusal.value.diagnosis.code == "JavaUnsuitable"
    assert str(tmp_path / "none") in refusal.value.diagnosis.evidence[0]


def test_java_home_comes_before_the_path(tmp_path, monkeypatch):
    fake_java(tmp_path / "home", "21.0.1")
    fake_java(tmp_path / "path", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path' / 'bin'}:{os.environ['PATH']}")
    assert find_java(None, SPARK) == (Java(tmp_path / "home" / "bin" / "java", 21), [])
    fake_java(tmp_path / "old", "11.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    java, rejected = find_java(None, SPARK)
    assert java.version == 17
    assert "JAVA_HOME: Java 11" in rejected[0]


def test_a_java_without_a_module_that_a_release_loads_does_not_fit(tmp_path, settings):
    fake_java(tmp_path, "17.0.1")
    settings = settings.model_copy(update={"java_home": str(tmp_path)})
    assert engines.find_engine("spark3", settings) is None
    with pytest.raises(PlatformRefused) as refusal:
        engines.check_engine("spark4", settings)
    assert refusal.value.diagnosis.evidence[0].endswith("lacks the module jdk.incubator.vector")
    assert "with the module jdk.incubator.vector" in refusal.value.diagnosis.remedy
    fake_java(tmp_path, "21.0.1", "jdk.incubator.vector@21.0.1")
    engines.check_engine("spark4", settings)


def test_the_version_of_a_cluster_chooses_what_is_installed(settings):
    names = {
        version: choose_engine("spark4", settings, version).folder.name for version in ("", "4.1", "4.0.2")
    }
    assert [name.rpartition("-py")[0] for name in names.values()] == [
        f"spark-{SPARK4.tested}",
        "spark-4.1.4",
        "spark-4.0.2",
    ]


def test_a_python_that_is_too_new_gives_way_to_one_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    script(tmp_path / "python3.12", "exit 127")  # as a shim of a version that is not active
    good = script(tmp_path / "python3.11", "echo 3 11")
    monkeypatch.setenv("PATH", str(tmp_path))
    found, rejected = find_python(FLINK.pythons, None)
    assert found == good
    assert rejected[1:] == [f"{tmp_path / 'python3.12'} cannot be executed"]


def test_no_fitting_python_names_those_that_fit(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformRefused) as refusal:
        engines.check_engine("flink", settings)
    assert refusal.value.diagnosis.code == "PythonUnsuitable"
    assert "python3.12" in refusal.value.diagnosis.remedy
    assert "Python 3.13" in refusal.value.diagnosis.evidence[0]


def test_the_python_of_the_settings_is_the_only_one_looked_at(tmp_path):
    assert find_python(SPARK.pythons, str(tmp_path / "none")) == (
        None,
        [f"the setting python: {tmp_path / 'none'} cannot be executed"],
    )
    old = script(tmp_path / "python", "echo 3 7")
    assert find_python(SPARK.pythons, str(old)) == (None, [f"the setting python: {old} is Python 3.7"])
    assert python_version(sys.executable) == sys.version_info[:2]


def test_nothing_is_installed_in_a_folder_that_is_not_there(settings):
    assert engines.installed_engines(settings.engines_folder) == []
    assert engines.find_engine("spark", settings) is None
    assert not engines.remove_engine(settings.engines_folder, "spark-3.5.9-py3.11")


@pytest.fixture
def pretended(settings, monkeypatch):
    """Engines that are installed as empty folders, and a count of installations."""
    done = []

    def install(_title, python, _requirements, folder, _report):
        done.append(folder)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(python)
        (folder / "lib" / "python3.11" / "site-packages" / "pyspark").mkdir(parents=True)

    monkeypatch.setattr(engines.installer, "install", install)
    home = settings.home.parent / "java"
    fake_java(home, "17.0.1")
    return settings.model_copy(update={"java_home": str(home)}), done


def test_an_engine_is_installed_once_listed_and_removed(pretended):
    settings, done = pretended
    engine = engines.ensure_engine("spark", settings, print)
    assert engines.ensure_engine("spark", settings, print) == engine == engines.find_engine("spark", settings)
    assert len(done) == 1
    (listed,) = engines.installed_engines(settings.engines_folder)
    assert (listed.kind, listed.version) == ("spark", "3.5.9")
    assert engine.home.is_dir()
    assert engines.remove_engine(settings.engines_folder, listed.name)
    assert engines.find_engine("spark", settings) is None


def test_two_at_once_install_once(pretended, monkeypatch):
    settings, done = pretended
    install, begun = engines.installer.install, threading.Event()

    def slow(*arguments):
        begun.set()
        assert told.wait(HANG_SECONDS)
        install(*arguments)

    told = threading.Event()
    monkeypatch.setattr(engines.installer, "install", slow)
    monkeypatch.setattr(engines, "_WAIT_SECONDS", 0.01)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engines.ensure_engine, "spark", settings, print)
        assert begun.wait(HANG_SECONDS)
        second = pool.submit(engines.ensure_engine, "spark", settings, lambda _: told.set())
        assert first.result(HANG_SECONDS) == second.result(HANG_SECONDS)
    assert len(done) == 1


def test_what_is_half_written_is_built_anew(pretended):
    settings, done = pretended
    engine = engines.ensure_engine("spark", settings, print)
    folder = engine.python.parent.parent
    (folder / "engine.json").unlink()
    draft = folder.with_name(f".{folder.name}.draft-0")
    draft.mkdir()
    engines.ensure_engine("spark", settings, print)
    assert len(done) == 2
    assert not draft.exists()


def test_an_engine_whose_java_has_gone_is_not_taken(pretended):
    settings, _ = pretended
    engines.ensure_engine("spark", settings, print)
    shutil.rmtree(settings.java_home)
    with pytest.raises(PlatformRefused):
        engines.find_engine("spark", settings)


@pytest.mark.parametrize("name", ["..", "../home", "/", "", "."])
def test_only_an_engine_is_removed(settings, name):
    settings.home.mkdir()
    assert not engines.remove_engine(settings.engines_folder, name)
    assert settings.home.exists()
