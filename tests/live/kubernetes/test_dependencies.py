"""What jobs bring beside their applications arrives in pods."""

from __future__ import annotations

from pathlib import Path

import pytest
from brought import flink_dependencies, packed_environment, spark_dependencies
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_settings

from dcluster_provider.core.record import JobState
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, running, submit

OWN = APPLICATIONS / "environment_of_its_own.py"


def test_spark_brings_packages_files_archives_and_jars(control, bench, tmp_path):
    library = ensure_engine("spark3", local_settings(tmp_path / "home"), print).home / "jars"
    fields = spark_dependencies(tmp_path, library, bench.connection.folder / "maven")
    told = "names of the file', 'table of the archive"
    alone = submit(control, None, APPLICATIONS / "brings.py", **fields)  # with executors of its own
    cluster = running(control, SMALL)
    for job in (submit(control, cluster, APPLICATIONS / "brings.py", **fields), alone):
        assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
        log = control.jobs.logs(job.id)
        assert f"brought [(155, '{told}'), (255, '{told}')]" in log
        assert "driver 555" in log
        assert "jar hello from the jar" in log
        assert "package bye from the package" in log


def test_spark_runs_the_python_of_a_packed_environment(control, tmp_path):
    packed = packed_environment(tmp_path, "/usr/bin/python3")  # where Debian's and the images' is
    alone = submit(control, None, OWN, requirements=[str(packed)])  # with executors of its own
    job = submit(control, running(control, SMALL), OWN, requirements=[str(packed)])
    for each in (job, alone):
        assert control.jobs.wait(each.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
        log = control.jobs.logs(each.id)
        assert "/requirements 5" in log
        assert "executors [('requirements', 5)]" in log


@pytest.mark.long
def test_flink_runs_the_python_of_a_packed_environment(control, tmp_path):
    fields = flink_dependencies(tmp_path) | {
        "requirements": [str(packed_environment(tmp_path, "/usr/bin/python3"))]
    }
    job = submit(control, running(control, SMALL_FLINK), APPLICATIONS / "brings_flink.py", **fields)
    assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    log = control.jobs.logs(job.id)
    assert "client 555" in log
    assert "brought ['155 table of the archive', '255 table of the archive']" in log


def test_flink_brings_packages_archives_and_jars(control, tmp_path):
    library = ensure_engine("flink", local_settings(tmp_path / "home"), print).home / "lib"
    cluster = running(control, SMALL_FLINK)
    job = submit(control, cluster, APPLICATIONS / "brings_flink.py", **flink_dependencies(tmp_path))
    assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert "brought ['155 table of the archive', '255 table of the archive']" in control.jobs.logs(job.id)
    hello, greeting, greets = (
        str(build_jar(tmp_path / name, APPLICATIONS / f"{name}.java", library))
        for name in ("Hello", "Greeting", "Greets")
    )
    sql = submit(control, cluster, APPLICATIONS / "brings.sql", module="sql", jars=[greeting, hello])
    fields = {"module": "jar", "mainClass": "Greets", "jars": [greeting]}
    for job in (sql, submit(control, cluster, Path(greets), **fields)):
        assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert "hello Flink" in control.jobs.logs(sql.id)
