"""Spark and Flink clusters on a real Kubernetes, and jobs on them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hanging import HANG_SECONDS
from kubernetes_platform import combinations

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import ClusterState, JobState
from tests.live.kubernetes.conftest import (
    SMALL,
    SMALL_FLINK,
    ended,
    external_role,
    gone,
    running,
    submit,
    until,
)

APPLICATIONS = Path(__file__).parents[1] / "applications"
EXAMPLES = Path(__file__).parents[3] / "example_dags" / "applications"


@pytest.mark.parametrize("name", sorted(combinations()))
def test_the_api_server_takes_every_object_of_each_combination(bench, testbed, name):
    for each in combinations()[name]:
        wanted = json.loads(json.dumps(each))
        wanted["metadata"]["namespace"] = bench.connection.namespace
        wanted["metadata"].pop("ownerReferences", None)
        said = testbed.kubectl(
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--filename=-",
            stdin=json.dumps(wanted),
        )
        assert "serverside-applied" in said


def test_a_spark_cluster_is_made_used_and_leaves_nothing(bench, testbed, control):
    cluster = running(control, SMALL | {"workers": 2})
    assert cluster.workers_ready == 2
    pods = testbed.get(
        "get", "pods", f"--namespace={bench.connection.namespace}", "--selector=dcluster.io/cluster-name"
    )
    for pod in pods["items"]:
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    job = ended(control, submit(control, cluster, EXAMPLES / "pi_spark.py", args=["4"]))
    assert (job.state, job.exit_code) == (JobState.SUCCEEDED, 0)
    assert "3.1" in control.jobs.logs(job.id)
    assert gone(control, cluster).state is ClusterState.TERMINATED
    assert bench.left() == []


def test_a_job_without_a_cluster_brings_executors_of_its_own(bench, control):
    job = submit(control, None, EXAMPLES / "pi_spark.py", args=["4"])
    text = ""

    def work() -> bool:
        nonlocal text
        seen = control.jobs.observe([job.id])[job.id]
        text = control.jobs.logs(job.id) or text
        return seen.state.is_final

    assert until(work)
    assert control.jobs.get(job.id).state is JobState.SUCCEEDED
    assert until(lambda: control.clusters.observe([job.cluster_id])[job.cluster_id].state.is_final)
    assert bench.left() == []


@pytest.mark.long
def test_a_job_without_a_cluster_gets_a_standalone_one_when_drivers_may_make_nothing(bench, control):
    careful = bench.control(driver_service_account="")
    job = ended(careful, submit(careful, None, EXAMPLES / "pi_spark.py", args=["2"]))
    assert job.state is JobState.SUCCEEDED
    assert until(lambda: careful.clusters.observe([job.cluster_id])[job.cluster_id].state.is_final)


def test_a_flink_cluster_runs_sql_and_python_and_leaves_nothing(bench, control):
    cluster = running(control, SMALL_FLINK)
    jobs = [
        submit(control, cluster, EXAMPLES / "numbers_flink.sql"),
        submit(control, cluster, APPLICATIONS / "flink_words.py", module="words"),
    ]
    for job in jobs:
        assert ended(control, job).state is JobState.SUCCEEDED, control.jobs.logs(job.id)
    assert gone(control, cluster).state is ClusterState.TERMINATED
    assert bench.left() == []


def test_a_job_that_is_stopped_ends_and_its_cluster_stays(control):
    cluster = running(control, SMALL)
    job = submit(control, cluster, APPLICATIONS / "endless.py")
    assert until(lambda: control.jobs.observe([job.id])[job.id].state is JobState.RUNNING)
    control.jobs.terminate(job.id)
    assert ended(control, job).state is JobState.KILLED
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING


def test_a_job_that_was_stopped_before_it_was_started_never_starts(control):
    cluster = running(control, SMALL)
    job = submit(control, cluster, APPLICATIONS / "endless.py")
    platform = control.platform
    later = control.jobs.submit(
        {
            "client": "team",
            "module": "late",
            "clusterId": cluster.id,
            "application": str(APPLICATIONS / "endless.py"),
        }
    )
    platform.stop_job(later, cluster)
    platform.apply_job(later, cluster)
    assert until(lambda: platform.observe_jobs([(later, cluster)])[later.id].phase.value == "KILLED")
    control.jobs.terminate(job.id)


@pytest.mark.long
def test_two_namespaces_at_once(bench, testbed, control):
    with testbed.namespace("second") as second:
        testbed.apply(*external_role(second, bench.connection.namespace))
        both = bench.control(external_namespace=second, pod_template="")
        here = both.clusters.launch(SMALL)
        there = both.clusters.launch(SMALL | {"useExternalNamespace": True})
        for cluster in (here, there):
            both.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.2)
        assert any(there.name in name for name in bench.left(second))
        assert not any(there.name in name for name in bench.left())
        for cluster in (here, there):
            gone(both, cluster)
        assert bench.left(second) == []


def test_an_external_namespace_that_the_connection_has_not_is_refused(control):
    with pytest.raises(InvalidSpec, match="field useExternalNamespace"):
        control.clusters.launch(SMALL | {"useExternalNamespace": True})


@pytest.mark.long
def test_the_log_is_read_on_from_where_it_was_read_to(control):
    cluster = running(control, SMALL)
    job = ended(control, submit(control, cluster, EXAMPLES / "pi_spark.py", args=["2"]))
    whole, pieces, part = control.jobs.logs(job.id), "", control.platform.read_log(job, cluster, 0, 2000)
    while part.text:
        pieces += part.text
        part = control.platform.read_log(job, cluster, part.end, 2000)
    assert pieces == whole
    assert len(re.findall("SparkContext: Running Spark version", whole)) == 1


@pytest.mark.long
def test_a_job_ends_although_its_node_gives_no_log(bench, testbed):
    if testbed.kind != "built":
        pytest.skip("needs a node that kwok plays")
    pods = {"nodeSelector": {"type": "kwok"}, "tolerations": [{"key": "kwok", "operator": "Exists"}]}
    control = bench.control(pod_template=json.dumps({"spec": pods}))
    testbed.add_fake_nodes(1)
    try:
        job = submit(control, None, EXAMPLES / "pi_spark.py")
        assert ended(control, job).state is JobState.SUCCEEDED, "kwok lets the pods of Jobs succeed"
        assert until(lambda: bench.left() == [])
    finally:
        testbed.remove_fake_nodes()
