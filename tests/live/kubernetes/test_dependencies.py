"""What jobs bring beside their applications arrives in pods."""

from __future__ import annotations

from pathlib import Path

from brought import flink_dependencies, spark_dependencies
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_settings

from dcluster_provider.core.record import JobState
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, running, submit


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
