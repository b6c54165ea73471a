"""Pods with scheduling gates, as queues put on them: they wait with that reason, whatever time it takes."""

from __future__ import annotations

import time

from hanging import HANG_SECONDS
from local_platform import APPLICATIONS

from dcluster_provider.core.record import ClusterState, JobState
from tests.live.kubernetes.conftest import SMALL, gone, submit, until

GATE = "acme.org/approval"
GATED = {"kubernetes": {"podTemplate": {"spec": {"schedulingGates": [{"name": GATE}]}}}}
NO_PATIENCE = 3  # seconds for which a pod may find no node


def let_through(bench, testbed) -> int:
    """Remove the gate of every pod that has one; returns of how many."""
    where = f"--namespace={bench.connection.namespace}"
    pods = testbed.get("get", "pods", where)["items"]
    gated = [pod["metadata"]["name"] for pod in pods if pod["spec"].get("schedulingGates")]
    for name in gated:
        opened = '[{"op": "remove", "path": "/spec/schedulingGates"}]'
        testbed.kubectl("patch", "pod", name, where, "--type=json", f"--patch={opened}")
    return len(gated)


def code_of(record) -> str:
    return str(record.diagnosis.code) if record.diagnosis else ""


def test_gated_pods_are_waited_for_and_say_so(bench, testbed):
    control = bench.control(unschedulable_timeout=NO_PATIENCE)
    cluster = control.clusters.launch(SMALL | GATED)

    def observed():
        return control.clusters.observe([cluster.id])[cluster.id]

    assert until(lambda: code_of(observed()) == "SchedulingGated")
    began = time.monotonic()  # much longer than a pod that is not gated may go without a node
    while time.monotonic() - began < 4 * NO_PATIENCE:
        assert observed().state is ClusterState.PROVISIONING
        time.sleep(0.5)
    found = observed()
    assert GATE in found.diagnosis.cause
    assert let_through(bench, testbed) == 2
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.2)

    job = submit(control, cluster, APPLICATIONS / "spark_pi.py", args=["2"], **GATED)
    assert until(lambda: code_of(control.jobs.observe([job.id])[job.id]) == "SchedulingGated")
    assert control.jobs.get(job.id).state is JobState.SUBMITTED
    assert let_through(bench, testbed) == 1
    assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    gone(control, cluster)
