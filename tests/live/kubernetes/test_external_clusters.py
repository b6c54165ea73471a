"""Jobs from Kubernetes on clusters that somebody else runs, which are as they were afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hanging import HANG_SECONDS
from local_platform import build_jar, local_settings

from dcluster_provider.control.connect import Control
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import ClusterState, Job, JobState
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.forgotten import forget
from tests.live.kubernetes.conftest import Bench, ended, external_role, until
from tests.live.kubernetes.their_clusters import engine_rest, jars, slots, their_flink, their_spark, workers

APPLICATIONS = Path(__file__).parents[1] / "applications"
EXAMPLES = Path(__file__).parents[3] / "example_dags" / "applications"
ONE_CORE = {"spark.cores.max": "1", "spark.executor.memory": "512m"}


@pytest.fixture(scope="module")
def spark(testbed) -> Iterator[ExternalCluster]:
    with their_spark(testbed) as found:
        yield found
        assert workers(found) == 1, "it is as it was"


@pytest.fixture(scope="module")
def flink(testbed) -> Iterator[ExternalCluster]:
    with their_flink(testbed) as found:
        yield found
        assert (slots(found), jars(found)) == (4, []), "it is as it was"


@pytest.fixture(scope="module")
def jar(tmp_path_factory) -> Path:
    engine = ensure_engine("flink", local_settings(tmp_path_factory.mktemp("home")), print)
    return build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Numbers.java", engine.home / "lib")


def submit(control: Control, application: Path, *, engine: str = "spark", **fields: Any) -> Job:
    """A job on the external cluster of an engine."""
    spec = {"client": "team", "module": "etl", "application": str(application), "driverMemGb": 0.5}
    spec |= {"useExternalCluster": True, "allowDuplicate": True, "pipelineVersion": "v1"}
    if engine == "flink":
        spec |= {"jobType": "flink"}
    else:
        spec |= {"clusterName": "reports", "extraCmd": ONE_CORE}
    return control.jobs.submit(spec | fields)


def comes_to(control: Control, job: Job, state: JobState) -> None:
    """Wait until a job is in a state."""
    control.jobs.wait(job.id, [state], timeout=HANG_SECONDS, poll_interval=0.2)


def jobs_of(flink: ExternalCluster) -> list[dict[str, Any]]:
    """What their JobManager says of all jobs."""
    return list(engine_rest(flink).request("GET", "/jobs/overview")["jobs"])


def nothing_is_left(bench: Bench, control: Control) -> None:
    """Neither now, nor for a check to report."""
    assert until(lambda: bench.left() == []), bench.left()
    assert control.upkeep.check_clusters().lines == ()


def test_spark_jobs_run_fail_and_are_stopped_at_once_and_leave_nothing(bench, testbed, spark):
    control = bench.control(external_clusters=(spark,))
    done = submit(control, APPLICATIONS / "spark_pi.py", args=["2"])
    fails = submit(control, APPLICATIONS / "raises.py")
    stopped = submit(control, APPLICATIONS / "endless.py")
    comes_to(control, stopped, JobState.RUNNING)
    pods = testbed.get(
        "get",
        "pods",
        f"--namespace={bench.connection.namespace}",
        f"--selector=dcluster.io/job-id={stopped.id}",
    )
    assert [pod["metadata"]["labels"]["dcluster.io/role"] for pod in pods["items"]] == ["driver"]
    done = ended(control, done)
    assert (done.state, done.exit_code) == (JobState.SUCCEEDED, 0), control.jobs.logs(done.id)
    assert "Connected to Spark cluster with app ID" in control.jobs.logs(done.id)
    fails = ended(control, fails)
    assert fails.state is JobState.FAILED
    assert fails.diagnosis is not None
    assert "KeyError: 'usd'" in fails.diagnosis.render()
    cluster = control.clusters.get(done.cluster_id)
    assert (cluster.state, cluster.platform, cluster.master_url) == (
        ClusterState.RUNNING,
        "external",
        spark.master,
    )
    assert control.platform.list_clusters() == [cluster.name]
    assert control.upkeep.check_clusters().lines == (), "the job that runs is no orphan"
    assert control.jobs.observe([stopped.id])[stopped.id].state is JobState.RUNNING
    control.jobs.terminate(stopped.id)
    assert ended(control, stopped).state is JobState.KILLED
    nothing_is_left(bench, control)
    # What a process makes that was stopped before the job's end, and went on after it, goes with the next check.
    control.platform.stage_job(done, cluster)
    assert bench.left() != []
    report = control.upkeep.check_clusters()
    assert [(line.what, line.subject) for line in report.lines] == [("removed", str(done))]
    nothing_is_left(bench, control)
    assert until(lambda: engine_rest(spark).request("GET", "/json/")["activeapps"] == [])


@pytest.mark.long
def test_flink_jars_and_sql_run_fail_and_are_stopped_and_leave_nothing(bench, flink, jar):
    control = bench.control(external_clusters=(flink,))
    jobs = {
        "jar": submit(control, jar, engine="flink"),
        "sql": submit(control, EXAMPLES / "numbers_flink.sql", engine="flink"),
    }
    fails = submit(control, jar, engine="flink", args=["main"])
    assert fails.state is JobState.FAILED
    assert "main says no" in fails.diagnosis.render()
    stopped = submit(control, jar, engine="flink", args=["endless"])
    comes_to(control, stopped, JobState.RUNNING)
    for kind, job in jobs.items():
        assert ended(control, job).state is JobState.SUCCEEDED, f"{kind}: {control.jobs.logs(job.id)}"
    assert control.jobs.get(jobs["jar"].id).ui_url.startswith(f"{flink.rest}/#/job/")
    control.jobs.terminate(stopped.id)
    assert ended(control, stopped).state is JobState.KILLED
    assert {each["state"] for each in jobs_of(flink)} == {"FINISHED", "CANCELED"}
    nothing_is_left(bench, control)


@pytest.mark.long
def test_a_flink_job_is_stopped_with_a_savepoint_where_the_job_says_it_goes(bench, flink, jar):
    control = bench.control(external_clusters=(flink,))
    nowhere = submit(control, jar, engine="flink", args=["endless"])
    comes_to(control, nowhere, JobState.RUNNING)
    with pytest.raises(InvalidSpec, match="in extraCmd of the job"):
        control.jobs.terminate(nowhere.id, savepoint=True)
    control.jobs.terminate(nowhere.id)
    assert ended(control, nowhere).state is JobState.KILLED
    where = {"execution.checkpointing.savepoint-dir": "file:///tmp/savepoints"}
    job = submit(control, jar, engine="flink", args=["endless"], extraCmd=where)
    comes_to(control, job, JobState.RUNNING)
    control.jobs.terminate(job.id, savepoint=True)
    job = ended(control, job)
    assert (job.state, job.savepoint.startswith("file:/tmp/savepoints/")) == (
        JobState.SUCCEEDED,
        True,
    )
    nothing_is_left(bench, control)


@pytest.mark.long
def test_flink_programs_run_fail_and_are_stopped(bench, flink):
    control = bench.control(external_clusters=(flink,))
    done = ended(control, submit(control, APPLICATIONS / "flink_words.py", engine="flink"))
    assert done.state is JobState.SUCCEEDED, control.jobs.logs(done.id)
    assert "pipeline v1" in control.jobs.logs(done.id)
    fails = ended(control, submit(control, APPLICATIONS / "flink_fails.py", engine="flink", args=["record"]))
    assert fails.state is JobState.FAILED
    assert "ZeroDivisionError" in fails.diagnosis.render()
    stopped = submit(control, APPLICATIONS / "flink_fails.py", engine="flink", args=["sleep"])
    comes_to(control, stopped, JobState.RUNNING)
    control.jobs.terminate(stopped.id)
    assert ended(control, stopped).state is JobState.KILLED
    over = {"FINISHED", "CANCELED", "FAILED"}
    assert until(lambda: {each["state"] for each in jobs_of(flink)} <= over)
    nothing_is_left(bench, control)


@pytest.mark.long
def test_a_spark_job_runs_although_only_its_pods_reach_the_master(bench, spark):
    unseen = replace(spark, rest="http://127.0.0.1:9")
    control = bench.control(external_clusters=(unseen,))
    stopped = submit(control, APPLICATIONS / "endless.py")
    comes_to(control, stopped, JobState.RUNNING)
    done = ended(control, submit(control, APPLICATIONS / "spark_pi.py", args=["2"]))
    assert done.state is JobState.SUCCEEDED
    control.jobs.terminate(stopped.id)
    assert ended(control, stopped).state is JobState.KILLED
    nothing_is_left(bench, control)


@pytest.mark.long
def test_a_job_on_a_cluster_that_is_not_there_fails_and_says_so(bench, spark):
    gone = replace(spark, rest="http://127.0.0.1:9", master="spark://127.0.0.1:9")
    control = bench.control(external_clusters=(gone,))
    job = ended(control, submit(control, APPLICATIONS / "spark_pi.py"))
    assert job.state is JobState.FAILED
    assert job.diagnosis is not None
    assert job.diagnosis.code == "MasterLost"
    nothing_is_left(bench, control)


@pytest.mark.long
def test_a_job_goes_to_the_external_namespace_when_it_asks_for_it(bench, testbed, spark):
    with testbed.namespace("second") as second:
        testbed.apply(*external_role(second, bench.connection.namespace))
        both = bench.control(external_clusters=(spark,), external_namespace=second, pod_template="")
        there = submit(both, APPLICATIONS / "endless.py", useExternalNamespace=True)
        here = submit(both, APPLICATIONS / "endless.py")
        for job in (there, here):
            comes_to(both, job, JobState.RUNNING)
        for job, namespace in ((there, second), (here, bench.connection.namespace)):
            assert {name.rpartition("/")[2].split("-")[1] for name in bench.left(namespace)} == {str(job.id)}
            both.jobs.terminate(job.id)
            assert ended(both, job).state is JobState.KILLED
            assert until(lambda at=namespace: bench.left(at) == [])


def test_an_external_namespace_that_the_connection_has_not_is_refused(bench):
    control = bench.control(external_clusters=(ExternalCluster("s", "spark3", "http://h:1", "spark://h:2"),))
    with pytest.raises(InvalidSpec, match="field useExternalNamespace"):
        submit(control, APPLICATIONS / "spark_pi.py", clusterName="s", useExternalNamespace=True)
    assert bench.left() == []


@pytest.mark.long
def test_jobs_that_nobody_knows_are_reported_and_removed_later_by_their_own_registry(bench, spark):
    control = bench.control(external_clusters=(spark,))
    job = submit(control, APPLICATIONS / "endless.py")
    comes_to(control, job, JobState.RUNNING)
    cluster = control.clusters.get(job.cluster_id)
    forget(f"sqlite:///{bench.home}/registry.db", cluster)
    other = bench.control(external_clusters=(spark,), registry="another")
    for _ in range(2):
        assert other.upkeep.check_clusters(unknown_after=0).lines == ()
    report = control.upkeep.check_clusters()
    assert [(line.what, line.subject) for line in report.lines] == [("left", cluster.name)]
    assert bench.left() != []
    report = control.upkeep.check_clusters(unknown_after=0)
    assert [(line.what, line.subject) for line in report.lines] == [("removed", cluster.name)]
    assert until(lambda: bench.left() == [])
    assert workers(spark) == 1
