"""Jobs on this machine whose files, tables and checkpoints are on a real S3 server."""

from __future__ import annotations

import pytest
from brought import package
from connections import settings_for_local
from given_secrets import files_with
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, engines_folder, until
from maven import repository_of
from s3_server import BUCKET, s3_server

from dcluster_provider.control.connect import connect
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.flink.release import FLINK_RELEASES
from dcluster_provider.storage.object_storage import AirflowObjectStorage
from tests.live.own_cluster import run_alone

STORE = {"storageConnId": "store"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def control(tmp_path, server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STORE", server.connection())
    repository = repository_of(FLINK_RELEASES[-1].s3_packages).as_uri()
    settings = settings_for_local(tmp_path / "home", engines_folder(), maven_repository=repository)
    control = connect(settings, storage=AirflowObjectStorage())
    yield control
    for cluster in control.clusters.list():
        control.clusters.terminate(cluster.id)


def test_a_spark_job_comes_from_s3_and_reads_and_writes_it(control, server, tmp_path):
    application = server.put("jobs/storage.py", (APPLICATIONS / "storage.py").read_bytes())
    for path in package(tmp_path).rglob("*.py"):
        server.put(f"jobs/{path.relative_to(tmp_path)}", path.read_bytes())
    server.put("events/", b"")  # Spark wants the folder of its event logs to be there
    log = run_alone(
        control,
        f"s3://{BUCKET}/{application}",
        "spark3",
        args=[f"s3a://{BUCKET}/numbers"],
        pyFiles=[f"s3://store@{BUCKET}/jobs/rates"],
        extraCmd={"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"s3a://{BUCKET}/events"},
        **STORE,
    )
    assert "sum 499500, rate 500" in log
    assert "numbers/_SUCCESS" in server.keys("numbers/")
    assert [key for key in server.keys("events/") if key.startswith("events/app-")] != []
    assert files_with([server.secret_key], [tmp_path / "home"]) == []


def test_flink_writes_tables_and_goes_on_from_a_savepoint_on_s3(control, server, tmp_path):
    size = {"workerCpu": 2, "workerMemory": "1Gi", "masterMemory": "1Gi"}
    settings = {
        "execution.checkpointing.interval": "500 ms",
        "execution.checkpointing.dir": f"s3://{BUCKET}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"s3://{BUCKET}/savepoints",
    }
    cluster = control.clusters.launch(
        {"tenant": "team", "type": "flink", "extraConfigs": settings} | size | STORE, report=print
    )
    job = {"client": "team", "jobType": "flink", "clusterId": cluster.id}
    application = server.put("jobs/storage.sql", (APPLICATIONS / "storage.sql").read_bytes())
    tables = control.jobs.submit(
        job | {"module": "tables", "application": f"s3://{BUCKET}/{application}"} | STORE, report=print
    )
    counting = job | {"module": "counting", "application": str(APPLICATIONS / "counting.sql")}
    first = control.jobs.submit(counting, report=print)
    control.jobs.wait(first.id, [JobState.RUNNING], HANG_SECONDS)
    until(lambda: [key for key in server.keys("checkpoints/") if key.endswith("_metadata")], bool)
    control.jobs.terminate(first.id, savepoint=True)
    stopped = control.jobs.wait(first.id, timeout=HANG_SECONDS)
    assert stopped.savepoint.startswith(f"s3://{BUCKET}/savepoints/")
    again = control.jobs.submit(counting | {"savepoint": stopped.savepoint}, report=print)
    control.jobs.wait(again.id, [JobState.RUNNING], HANG_SECONDS)
    assert control.jobs.wait(tables.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert server.keys("flink/numbers/") != []
    assert files_with([server.secret_key], [tmp_path / "home"]) == []
