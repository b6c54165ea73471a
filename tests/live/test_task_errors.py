"""Every failure is named in the error of the task that it fails, with evidence and what to do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import zipfile
from datetime import datetime, timezone

import psutil
import pytest
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.core.record import Cluster, ClusterState, JobState
from tests.live.trials import long_except

pytestmark = [pytest.mark.parametrize("live_airflow", ["local"], indirect=True)]
TABLE = "from a failure to the end of its task"


@pytest.fixture(scope="module")
def cluster(live_airflow) -> Cluster:
    return launch(live_airflow)


def launch(live_airflow) -> Cluster:
    clusters = live_airflow.control.clusters
    return clusters.wait(clusters.launch({"tenant": "errors", "workerCpu": "4"}).id, timeout=HANG_SECONDS)


def run(live_airflow, dag_id: str, conf: dict) -> str:
    assert wait_until(lambda: live_airflow.rest.has_dag(dag_id))
    live_airflow.rest.unpause(dag_id)
    return live_airflow.rest.trigger(dag_id, conf)


def job_conf(cluster: Cluster, application: object, **more: object) -> dict:
    spec = {"client": "errors", "module": str(time.time_ns()), "clusterId": cluster.id}
    return {"spec": spec | {"application": str(application)} | more}


def error_of(live_airflow, dag_id: str, run_id: str, since: float | None = None) -> str:
    """The error in the log of the run's failed task; how long it took stands in a table."""

    def task() -> dict:
        (found,) = live_airflow.rest.tasks(dag_id, run_id)
        return found

    assert wait_until(lambda: task()["state"] in {"failed", "success"})
    ended = task()
    log = live_airflow.rest.task_log(ended)
    assert ended["state"] == "failed", log
    began = since or datetime.fromisoformat(ended["start_date"]).timestamp()
    seconds = datetime.fromisoformat(ended["end_date"]).timestamp() - began
    live_airflow.tables.add(TABLE, f"{dag_id:<16} {seconds:5.1f} s  {reason_in(log)}")
    return log


def reason_in(log: str) -> str:
    """The reasons that a log names in brackets."""
    return " ".join(dict.fromkeys(re.findall(r"\[([A-Z][A-Za-z]+)\]", log)))


def assert_told(log: str, *words: str) -> None:
    for word in (*words, "What to do:"):
        assert word in log, f"{word!r} is not in the log:\n{log}"


@pytest.mark.long
def test_application_file_is_missing(live_airflow, cluster):
    run_id = run(live_airflow, "failing_job", job_conf(cluster, "/no/such/application.py"))
    log = error_of(live_airflow, "failing_job", run_id)
    assert "field application" in log
    assert "/no/such/application.py" in log


@pytest.mark.long
def test_main_class_is_wrong(live_airflow, cluster):
    jar = live_airflow.work / "empty.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    run_id = run(live_airflow, "failing_job", job_conf(cluster, jar, mainClass="no.such.Main"))
    assert_told(error_of(live_airflow, "failing_job", run_id), "no.such.Main")


def test_python_exception_in_the_job(live_airflow, cluster):
    run_id = run(live_airflow, "failing_job", job_conf(cluster, live_airflow.work / "raises.py"))
    assert_told(error_of(live_airflow, "failing_job", run_id), "KeyError: 'usd'", "raises.py")


@pytest.mark.long
def test_executors_larger_than_any_worker(live_airflow, cluster):
    conf = job_conf(cluster, live_airflow.work / "endless.py", workerMemGb=64)
    run_id = run(live_airflow, "failing_job", conf)
    assert_told(error_of(live_airflow, "failing_job", run_id), "65536 MiB", "2048 MiB")


@pytest.mark.long
def test_driver_is_killed(live_airflow, cluster):
    run_id = run(live_airflow, "failing_job", job_conf(cluster, live_airflow.work / "endless.py"))
    job = running_job(live_airflow, run_id)
    killed = kill(live_airflow, cluster, f"jobs/{job.id}-")
    assert_told(error_of(live_airflow, "failing_job", run_id, killed), "signal 9")


@pytest.mark.parametrize("role", long_except(["worker"], ["master", "worker"]))
def test_engine_is_killed(live_airflow, role):
    cluster = launch(live_airflow)
    run_id = run(live_airflow, "failing_job", job_conf(cluster, live_airflow.work / "endless.py"))
    running_job(live_airflow, run_id)
    killed = kill(live_airflow, cluster, f"deploy.{role}.{role.capitalize()}")
    assert_told(error_of(live_airflow, "failing_job", run_id, killed), role, "signal 9")
    live_airflow.control.clusters.wait(cluster.id, [ClusterState.FAILED], HANG_SECONDS)
    assert cluster.name not in live_airflow.control.platform.list_clusters()


@pytest.mark.long
def test_port_is_taken(live_airflow):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        spec = {"tenant": "errors", "extraConfigs": {"spark.master.port": port}}
        run_id = run(live_airflow, "failing_launch", {"spec": spec})
        assert_told(error_of(live_airflow, "failing_launch", run_id), str(port), str(os.getpid()))


@pytest.mark.long
def test_no_java(live_airflow):
    conf = {"spec": {"tenant": "errors"}, "conn_id": "without_java"}
    run_id = run(live_airflow, "failing_launch", conf)
    assert_told(error_of(live_airflow, "failing_launch", run_id), "/no/such/java")


@pytest.mark.long
def test_engine_install_without_network(live_airflow):
    conf = {"spec": {"tenant": "errors"}, "conn_id": "not_installed"}
    run_id = run(live_airflow, "failing_launch", conf)
    assert_told(error_of(live_airflow, "failing_launch", run_id), "3.5.8")


@pytest.mark.long
def test_disk_is_full(live_airflow, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a file system of a fixed size can only be mounted by root")
    folder = live_airflow.full_disk / "clusters"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    try:
        (folder / "ballast").write_bytes(bytes(64 * 1024 - 4096))
        conf = {"spec": {"tenant": "errors"}, "conn_id": "full_disk"}
        run_id = run(live_airflow, "failing_launch", conf)
        assert_told(error_of(live_airflow, "failing_launch", run_id), "No space left", str(folder))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def running_job(live_airflow, run_id: str):
    def found() -> list:
        jobs = live_airflow.control.jobs.list("running")
        return [job for job in jobs if job.owner and job.owner.run_id == run_id]

    assert wait_until(lambda: bool(found()))
    (job,) = found()
    assert job.state is JobState.RUNNING
    return job


def kill(live_airflow, cluster: Cluster, mark: str) -> float:
    """SIGKILL the Java process of a cluster that has a mark in its command, and say when."""
    folder = str(live_airflow.control.platform.settings.home / "clusters" / cluster.name)
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "java" in line.split(" ")[0] and folder in line and mark in line:
            process.send_signal(signal.SIGKILL)
            return datetime.now(timezone.utc).timestamp()
    pytest.fail(f"no process of {cluster} has {mark} in its command")
