"""What jobs bring beside their applications arrives in drivers, executors and tasks on this machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from brought import flink_dependencies, packed_environment, spark_dependencies
from connections import settings_for_local
from local_platform import APPLICATIONS, build_jar, engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.platforms.local.installation.engines import find_engine
from tests.live.own_cluster import run_alone
from tests.live.trials import long_except


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return connect(settings_for_local(tmp_path_factory.mktemp("home"), engines_folder()))


def test_spark_brings_packages_files_archives_and_jars(control, tmp_path):
    library = find_engine("spark3", control.platform.settings).home / "jars"
    log = run_alone(
        control, "brings.py", "spark3", **spark_dependencies(tmp_path, library, tmp_path / "maven")
    )
    told = "names of the file', 'table of the archive"
    assert f"brought [(155, '{told}'), (255, '{told}')]" in log
    assert "driver 555" in log
    assert "jar hello from the jar" in log
    assert "package bye from the package" in log


def test_spark_runs_the_python_of_a_packed_environment(control, tmp_path):
    engine = find_engine("spark3", control.platform.settings)
    packed = packed_environment(tmp_path, str(engine.python.resolve()))
    log = run_alone(control, "environment_of_its_own.py", "spark3", requirements=[str(packed)])
    (folder,) = re.findall(r"^driver (\S+) 5$", log, re.MULTILINE)
    assert Path(folder).is_relative_to(control.platform.settings.home / "environments")
    assert f"executors [('{Path(folder).name}', 5)]" in log


@pytest.mark.parametrize("is_packed", long_except([False], [False, True]))
def test_flink_brings_packages_and_archives(control, tmp_path, is_packed):
    fields = flink_dependencies(tmp_path)
    if is_packed:
        python = find_engine("flink", control.platform.settings).python
        packages = next(python.parent.parent.glob("lib/python3*/site-packages"))
        fields["requirements"] = [str(packed_environment(tmp_path, str(python.resolve()), str(packages)))]
    log = run_alone(control, "brings_flink.py", "flink", **fields)
    assert "client 555" in log
    assert "brought ['155 table of the archive', '255 table of the archive']" in log


def test_flink_brings_jars(control, tmp_path):
    library = find_engine("flink", control.platform.settings).home / "lib"
    hello, greeting, greets = (
        str(build_jar(tmp_path / name, APPLICATIONS / f"{name}.java", library))
        for name in ("Hello", "Greeting", "Greets")
    )
    assert "hello Flink" in run_alone(control, "brings.sql", "flink", jars=[greeting, hello])
    run_alone(control, greets, "flink", mainClass="Greets", jars=[greeting])
