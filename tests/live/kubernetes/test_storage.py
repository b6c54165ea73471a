"""Jobs in pods whose files, tables and checkpoints are on a real S3 server."""

from __future__ import annotations

import os
import shutil

import pytest
from brought import package
from given_secrets import files_with
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS
from maven import repository_of
from s3_server import BUCKET, s3_server

from dcluster_provider.core.record import JobState
from dcluster_provider.engines.spark.release import SPARK_RELEASES
from dcluster_provider.engines.spark.storage import BUNDLES
from dcluster_provider.platforms.kubernetes.manifests.application_files import MAX_BYTES
from dcluster_provider.storage.object_storage import AirflowObjectStorage
from tests.live.kubernetes.conftest import GONE, SMALL, SMALL_FLINK, address_for, gone, running, submit, until

STORE = {"storageConnId": "store"}


@pytest.fixture(scope="module")
def server(testbed, tmp_path_factory):
    """A server of this machine, at the address by which the testbed reaches it."""
    with s3_server(tmp_path_factory.mktemp("s3"), address_for(testbed)) as server:
        yield server


@pytest.fixture
def control(bench, server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STORE", server.connection())
    control = bench.control(storage=AirflowObjectStorage(), flink_storage=f"s3://{BUCKET}/flink")
    yield control
    for cluster in control.clusters.list():
        control.clusters.terminate(cluster.id)
    for cluster in control.clusters.list():
        control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)


def shown(bench, testbed) -> str:
    """Everything that is made for jobs and clusters, but Secrets."""
    kinds = "pods,deployments,jobs,configmaps,services,events"
    return testbed.kubectl("get", kinds, f"--namespace={bench.connection.namespace}", "--output=yaml")


def test_spark_jobs_come_from_s3_and_read_and_write_it(control, bench, server, testbed, tmp_path):
    packages = repository_of(SPARK_RELEASES[0].s3_packages, BUNDLES)
    repository = shutil.copytree(packages, bench.connection.folder / "maven", copy_function=shutil.copyfile)
    application = server.put("jobs/storage.py", (APPLICATIONS / "storage.py").read_bytes())
    for path in package(tmp_path).rglob("*.py"):
        server.put(f"jobs/{path.relative_to(tmp_path)}", path.read_bytes())
    fields = {
        "pyFiles": [f"s3://store@{BUCKET}/jobs/rates"],
        "repositories": [f"file://{repository}"],  # pods of the tests reach no other
        **STORE,
    }
    address = f"s3://{BUCKET}/{application}"
    cluster = running(control, SMALL)
    shared = submit(control, cluster, address, args=[f"s3a://{BUCKET}/shared"], **fields)
    # With executors of its own.
    alone = submit(control, None, address, args=[f"s3a://{BUCKET}/alone"], module="alone", **fields)
    objects = shown(bench, testbed)
    for job, folder in ((shared, "shared"), (alone, "alone")):
        assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
        assert "sum 499500, rate 500" in control.jobs.logs(job.id)
        assert f"{folder}/_SUCCESS" in server.keys(f"{folder}/")
    assert server.secret_key not in objects
    assert files_with([server.secret_key], [bench.home]) == []
    gone(control, cluster)


def test_flink_keeps_checkpoints_and_savepoints_on_s3_and_goes_on_from_them(control, bench, server, testbed):
    settings = {"execution.checkpointing.interval": "500 ms"}
    cluster = running(control, SMALL_FLINK | {"extraConfigs": settings} | STORE)
    tables = submit(control, cluster, APPLICATIONS / "storage.sql", module="tables")
    assert control.jobs.wait(tables.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert server.keys("flink/numbers/") != []
    first = submit(control, cluster, APPLICATIONS / "counting.sql")
    control.jobs.wait(first.id, [JobState.RUNNING], HANG_SECONDS)
    assert until(
        lambda: [each for each in server.keys(f"flink/{cluster.name}/checkpoints/") if "_metadata" in each]
    )
    control.jobs.terminate(first.id, savepoint=True)
    stopped = control.jobs.wait(first.id, timeout=HANG_SECONDS)
    assert stopped.savepoint.startswith(f"s3://{BUCKET}/flink/{cluster.name}/savepoints/")
    again = submit(control, cluster, APPLICATIONS / "counting.sql", savepoint=stopped.savepoint)
    control.jobs.wait(again.id, [JobState.RUNNING], HANG_SECONDS)
    assert server.secret_key not in shown(bench, testbed)
    assert files_with([server.secret_key], [bench.home]) == []
    gone(control, cluster)


def test_files_of_any_size_reach_pods_over_the_staging_folder(bench, control, server, testbed, tmp_path):
    large = tmp_path / "noise.bin"
    large.write_bytes(os.urandom(MAX_BYTES + 2**20))
    staging = bench.control(storage=AirflowObjectStorage(), staging=f"s3://store@{BUCKET}/staging")
    checks = {check.name: check for check in staging.platform.examine(images=False, nodes=False)}
    assert checks["staging"].outcome == "ok", checks["staging"]
    server.client.delete_object(Bucket=BUCKET, Key=server.keys("staging/")[0])
    cluster = running(control, SMALL)
    job = submit(
        staging,
        cluster,
        APPLICATIONS / "size_of_file.py",
        files=[str(large)],
        args=[large.name],
        module="large",
    )
    assert staging.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert f"bytes {MAX_BYTES + 2**20} and {MAX_BYTES + 2**20}" in staging.jobs.logs(job.id)
    assert len(server.keys("staging/")) == 1
    assert "X-Amz-Signature" not in shown(bench, testbed)
    gone(control, cluster)
