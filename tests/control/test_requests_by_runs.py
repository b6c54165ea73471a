"""The operators of bundled DAGs carry out one request, whichever try of the run's task gets to do it."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.operators.requested import (
    DClusterRequestedJobOperator,
    DClusterRequestedLaunchOperator,
)

CLUSTER = {"tenant": "team"}
JOB = {"client": "team", "module": "etl", "application": "etl.py"}


@pytest.fixture
def run(control):
    """Execute an operator as a try of a run's task."""

    def execute(kind, try_number=1, **arguments):
        operator = kind(task_id="it", poll_interval=0.01, **arguments)
        vars(operator)["hook"] = type("Hook", (DClusterHook,), {"control": control})()
        ti = SimpleNamespace(
            dag_id="dag",
            run_id="run",
            task_id="it",
            map_index=-1,
            max_tries=2,
            try_number=try_number,
            start_date=datetime.now(timezone.utc),
        )
        return operator.execute({"ti": ti, "task": SimpleNamespace(retries=2)})

    return execute


def test_a_stored_request_is_made_and_belongs_to_no_task(control, platform, run):
    asked = control.clusters.request(CLUSTER, "key")
    assert run(DClusterRequestedLaunchOperator, spec=CLUSTER, request_key="key") == asked.id
    cluster = control.clusters.get(asked.id)
    assert (cluster.state, cluster.owner) == (ClusterState.RUNNING, None)


def test_a_form_asks_by_its_run_and_a_retry_goes_on_with_the_same_cluster(control, run):
    first = run(DClusterRequestedLaunchOperator, spec=CLUSTER)
    assert run(DClusterRequestedLaunchOperator, try_number=2, spec=CLUSTER) == first
    assert len(control.clusters.list()) == 1


def test_a_cluster_that_failed_is_not_followed_by_another(control, platform, run):
    number = run(DClusterRequestedLaunchOperator, spec=CLUSTER)
    platform.set_cluster(control.clusters.get(number), ClusterPhase.BROKEN)
    control.clusters.observe([number])
    with pytest.raises(AirflowFailException):
        run(DClusterRequestedLaunchOperator, try_number=2, spec=CLUSTER)
    assert len(control.clusters.list()) == 1


def test_a_launch_that_takes_too_long_is_undone(control, platform, run):
    asked = control.clusters.request(CLUSTER, "key")
    control.clusters.resume(asked.id)
    platform.set_cluster(asked, ClusterPhase.STARTING)
    with pytest.raises(Exception, match="PROVISIONING after"):
        run(DClusterRequestedLaunchOperator, spec=CLUSTER, request_key="key", launch_timeout=0.05)
    assert control.clusters.get(asked.id).state is ClusterState.TERMINATED


def test_a_stored_job_is_run_once_and_its_end_is_the_answer_of_every_try(control, platform, run):
    cluster = control.clusters.launch(CLUSTER)
    asked = control.jobs.request(JOB | {"clusterId": cluster.id}, "key")
    platform.set_job(asked, JobPhase.SUCCEEDED, exit_code=0)
    for number in (1, 2):
        done = run(
            DClusterRequestedJobOperator,
            try_number=number,
            spec=JOB | {"clusterId": cluster.id},
            request_key="key",
        )
        assert done == asked.id
    assert [job.id for job in control.jobs.list()] == [asked.id]


def test_a_job_that_failed_is_not_run_again(control, platform, run):
    cluster = control.clusters.launch(CLUSTER)
    spec = JOB | {"clusterId": cluster.id}
    asked = control.jobs.request(spec, "key")
    platform.set_job(asked, JobPhase.FAILED, exit_code=1)
    for number in (1, 2):
        with pytest.raises(AirflowFailException):
            run(DClusterRequestedJobOperator, try_number=number, spec=spec, request_key="key")
    assert [(job.id, job.state) for job in control.jobs.list()] == [(asked.id, JobState.FAILED)]
