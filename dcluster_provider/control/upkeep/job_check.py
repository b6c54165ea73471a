"""The live jobs of a cluster check: polled, completed after an interrupted submission, stopped when orphaned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dcluster_provider.control.upkeep.maintenance_run import ACTOR, MaintenanceRun, pages
from dcluster_provider.control.upkeep.owners import OwnerState
from dcluster_provider.core.record import Cluster, Job, JobState

_INTERRUPTED_AFTER = timedelta(minutes=5)  # after which a submission without progress counts as interrupted


def check_jobs(check: MaintenanceRun) -> None:
    """Check every live job."""
    for page in pages(
        lambda after, most: check.registry.jobs.list_live(check.scope, after_id=after, limit=most)
    ):
        check.notes.count("live jobs", len(page))
        _check_page(check, page)


def _check_page(check: MaintenanceRun, page: Sequence[Job]) -> None:
    live = _poll(check, page)
    clusters = {it.id: it for it in check.registry.clusters.get_many({job.cluster_id for job in live})}
    states = check.owner_states(live)
    for job in live:
        cluster, state = clusters.get(job.cluster_id), states.get(job.id)
        if check.is_remote(job, cluster):
            continue
        with check.isolate_errors(job):
            reason = _reason_to_stop(check, job, cluster, state)
            if reason is not None:
                _stop(check, job, reason)
            elif _is_interrupted(check, job, cluster):
                _complete(check, job)
            if state is not None and not state.is_known:
                check.notes.left(job, f"Airflow does not know the state of its owner ({job.owner})")


def _poll(check: MaintenanceRun, page: Sequence[Job]) -> list[Job]:
    """The jobs that are still live after a poll; a dry run does not poll, because a poll takes due steps."""
    if check.dry_run:
        return list(page)
    after = {job.id: job for job in page}
    with check.isolate_errors(f"{len(page)} jobs"):
        after = check.jobs.observe([job.id for job in page])
    for job in after.values():
        if job.state.is_final:
            check.notes.did("settled", job, f"it has ended as {job.state.value}")
        else:
            check.record_unobservable(job, check.jobs.unobservable(job))
    return [job for job in after.values() if not job.state.is_final]


def _reason_to_stop(
    check: MaintenanceRun, job: Job, cluster: Cluster | None, state: OwnerState | None
) -> str | None:
    if state is None or not state.is_known:
        return None
    if state.task_failed:
        return f"its owner task has failed ({job.owner})"
    if not state.run_is_over:
        return None
    # A task that succeeded while its job still runs did not wait for it: on a shared cluster that was the intention.
    is_shared = cluster is not None and (cluster.spec.long_living or cluster.platform != check.platform.name)
    if is_shared and (state.task_succeeded or state.task is None):
        return None
    return f"its owner run is over ({job.owner})"


def _stop(check: MaintenanceRun, job: Job, reason: str) -> None:
    if job.state is JobState.STOPPING and not job.savepoint_requested:
        return
    if not check.dry_run:
        check.jobs.terminate(job.id, actor=f"{ACTOR}: {reason}")
    check.notes.did("stopped", job, reason)


def _is_interrupted(check: MaintenanceRun, job: Job, cluster: Cluster | None) -> bool:
    can_start = cluster is not None and cluster.state.takes_jobs
    return job.state is JobState.REQUESTED and can_start and check.now - job.created_at > _INTERRUPTED_AFTER


def _complete(check: MaintenanceRun, job: Job) -> None:
    if not check.dry_run:
        # Resumed, not submitted again: it may have been stopped since the poll.
        job = check.jobs.resume(job.id)
    check.notes.did("completed", job, "its submission was interrupted")
