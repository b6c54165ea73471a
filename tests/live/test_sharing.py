"""DAG runs that share a long-living cluster: whatever becomes of one, the other's job goes on."""

from __future__ import annotations

from datetime import timedelta

from hanging import HANG_SECONDS, wait_until

from dcluster_provider.core.record import ClusterState, Job, JobState
from tests.live.trials import on_both_platforms

pytestmark = [on_both_platforms]
DAG_ID = "shares_cluster"
IDLE = 20  # seconds


class Run:
    """A run of the DAG that shares the cluster."""

    def __init__(self, live_airflow, name: str, application: str, cluster_id: int) -> None:
        self._live = live_airflow
        self.file = live_airflow.work / f"sharing-{name}"
        conf = {"name": self.file.name, "application": application, "cluster_id": cluster_id}
        self.id = live_airflow.rest.trigger(DAG_ID, conf)

    def jobs(self) -> list[Job]:
        """Its jobs, newest first."""
        return self._live.control.jobs.list(client="sharing", module=self.id)

    def task(self, name: str) -> dict:
        return next(it for it in self._live.rest.tasks(DAG_ID, self.id) if it["task_id"] == name)

    def is_at_work(self, number: int = 1) -> bool:
        """Whether the run has had so many jobs, and the latest of them runs."""
        jobs = self.jobs()
        return len(jobs) == number and jobs[0].state is JobState.RUNNING

    def release(self) -> None:
        """Let its job end."""
        self.file.with_suffix(".go").touch()

    def has_ended(self) -> bool:
        return self._live.rest.run_state(DAG_ID, self.id) in {"success", "failed"}


def check(live_airflow) -> None:
    """One pass of the cluster check, as a DAG run."""
    rest = live_airflow.rest
    run_id = rest.trigger("check_clusters", {})
    assert wait_until(lambda: rest.run_state("check_clusters", run_id) in {"success", "failed"})
    assert rest.run_state("check_clusters", run_id) == "success"


def test_one_run_fails_and_one_is_cleared_and_the_others_job_is_untouched(live_airflow):
    control, rest = live_airflow.control, live_airflow.rest
    for dag_id in (DAG_ID, "check_clusters"):
        assert wait_until(lambda dag_id=dag_id: rest.has_dag(dag_id))
        rest.unpause(dag_id)
    cluster = control.clusters.launch(
        {"tenant": "sharing", "workerCpu": "4", "longLiving": True, "idleTimeout": IDLE}
    )
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS)

    kept = Run(live_airflow, "kept", "until_released.py", cluster.id)
    assert wait_until(kept.is_at_work)
    (before,) = kept.jobs()

    failed = Run(live_airflow, "failed", "raises.py", cluster.id)
    cleared = Run(live_airflow, "cleared", "until_released.py", cluster.id)
    assert wait_until(failed.has_ended)
    assert wait_until(cleared.is_at_work)
    # The failed run would have ended the cluster: refused, naming whose job is in the way.
    assert (failed.task("job")["state"], failed.task("end")["state"]) == ("failed", "failed")
    refusal = rest.task_log(failed.task("end"))
    assert "used by others" in refusal
    assert str(before) in refusal

    rest.clear_task(DAG_ID, cleared.id, "job")
    assert wait_until(lambda: cleared.is_at_work(2))
    assert [job.state for job in cleared.jobs()] == [JobState.RUNNING, JobState.KILLED]
    cleared.release()
    assert wait_until(cleared.has_ended)
    check(live_airflow)

    (after,) = kept.jobs()
    assert (after.id, after.state, after.started_at) == (before.id, JobState.RUNNING, before.started_at)
    assert {job.cluster_id for run in (kept, failed, cleared) for job in run.jobs()} == {cluster.id}
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING

    rest.mark_task(DAG_ID, kept.id, "end", "success")  # nobody but the idle limit is to end it
    kept.release()
    assert wait_until(lambda: kept.jobs()[0].state is JobState.SUCCEEDED)
    assert wait_until(kept.has_ended)
    assert kept.file.with_suffix(".ran").read_text() == "ran\n"

    def is_ending() -> bool:
        check(live_airflow)
        found = control.clusters.get(cluster.id)
        return found.state is ClusterState.TERMINATING or found.state.is_final

    assert wait_until(is_ending, 1)
    ended = next(
        it for it in control.registry.events.list(cluster_id=cluster.id) if it.action == "TERMINATING"
    )
    last_job = kept.jobs()[0]
    assert ended.at - last_job.ended_at >= timedelta(seconds=IDLE)
    assert wait_until(lambda: control.clusters.status(cluster.id) is ClusterState.TERMINATED)
