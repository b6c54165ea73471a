"""The live clusters and jobs of a cluster check: polled, completed after an interruption, ended when due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from dcluster_provider.control.resizing import is_larger_than_idle
from dcluster_provider.control.upkeep.maintenance_run import ACTOR, MaintenanceRun, OwnerState, pages
from dcluster_provider.core.errors import ClusterFailed
from dcluster_provider.core.lifetime import Reason, reason_to_end
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState

_INTERRUPTED_AFTER = timedelta(
    minutes=5
)  # after which a launch or submission without progress counts as interrupted
_SLOW_TERMINATION = timedelta(minutes=10)  # after which a termination that is not finished is reported
_OF_ENDED_JOB = Reason("the job that it was launched for has ended", only_unused=True)


def check_clusters(check: MaintenanceRun) -> None:
    """Check every live cluster."""
    for page in pages(
        lambda after, most: check.registry.clusters.list_live(check.scope, after_id=after, limit=most)
    ):
        # Clusters of another platform and external ones can be neither polled nor terminated from here.
        ours = [cluster for cluster in page if cluster.platform == check.platform.name]
        check.notes.count("live clusters", len(ours))
        if len(ours) < len(page):
            check.notes.count("clusters of other platforms", len(page) - len(ours))
        _check_clusters(check, ours)


def _check_clusters(check: MaintenanceRun, page: Sequence[Cluster]) -> None:
    here = [cluster for cluster in _poll_clusters(check, page) if not check.is_remote(cluster, cluster)]
    standing = [cluster for cluster in here if not _is_going(check, cluster)]
    ids = [cluster.id for cluster in standing]
    used = check.registry.jobs.clusters_with_live(ids)
    own_jobs = check.registry.jobs.ended_on_own_clusters(ids)
    states = check.owner_states(standing)
    idle = []
    for cluster in standing:
        state = states.get(cluster.id)
        with check.isolate_errors(cluster):
            reason = _reason_to_terminate(check, cluster, state, own_jobs.get(cluster.id))
            if reason is not None and not reason.only_unused:
                _end(check, cluster, reason)
                continue
            if reason is not None and cluster.id not in used:
                if reason is _OF_ENDED_JOB:
                    _end_unused(check, cluster, reason)
                else:
                    idle.append((cluster, reason))
                continue
            _complete_launch(check, cluster)
        if state is not None and not state.is_known:
            check.notes.left(cluster, f"Airflow does not know the state of its owner ({cluster.owner})")
    _end_idle(check, idle)
    ending = {cluster.id for cluster, _ in idle}
    unused = [cluster for cluster in standing if cluster.id not in used and cluster.id not in ending]
    _shrink_idle(check, [cluster for cluster in unused if is_larger_than_idle(cluster, check.now)])


def _poll_clusters(check: MaintenanceRun, page: Sequence[Cluster]) -> list[Cluster]:
    """The clusters that are still live after a poll; a dry run does not poll, because a poll takes due steps."""
    if check.dry_run:
        return list(page)
    after: Mapping[int, Cluster] = {cluster.id: cluster for cluster in page}
    with check.isolate_errors(f"{len(page)} clusters"):
        after = check.clusters.observe([cluster.id for cluster in page])
    for cluster in after.values():
        if cluster.state.is_final:
            why = cluster.diagnosis.cause if cluster.diagnosis else "nothing of it is left"
            check.notes.did("settled", cluster, f"it is {cluster.state.value}: {why}")
        else:
            check.record_unobservable(cluster, check.clusters.unobservable(cluster.id))
    return [cluster for cluster in after.values() if not cluster.state.is_final]


def _is_going(check: MaintenanceRun, cluster: Cluster) -> bool:
    """Whether the cluster is terminating already; the poll has just continued that."""
    if cluster.state is not ClusterState.TERMINATING:
        return False
    check.notes.count("terminating clusters", 1)
    if check.now - cluster.state_since > _SLOW_TERMINATION:
        check.notes.left(
            cluster, f"it has been terminating since {cluster.state_since:%Y-%m-%d %H:%M:%S} UTC"
        )
    return True


def _reason_to_terminate(
    check: MaintenanceRun, cluster: Cluster, state: OwnerState | None, own_job: Job | None
) -> Reason | None:
    kept = own_job is not None and own_job.spec.keep_alive
    state = state or OwnerState()
    if state.task_failed and not cluster.spec.long_living and not kept:
        return Reason(f"its owner task has failed ({cluster.owner})")
    reason = reason_to_end(cluster, check.limits, state.run_is_over, check.now)
    if own_job is not None and not kept and (reason is None or reason.only_unused):
        return _OF_ENDED_JOB
    return reason


def _end(check: MaintenanceRun, cluster: Cluster, reason: Reason) -> None:
    if not check.dry_run:
        check.clusters.terminate(cluster.id, actor=f"{ACTOR}: {reason}")
    check.notes.did("ended", cluster, reason)


def _end_unused(check: MaintenanceRun, cluster: Cluster, reason: Reason) -> None:
    """Terminate a cluster unless a job has just been added to it."""
    if check.dry_run or check.clusters.end_unused(cluster.id, actor=f"{ACTOR}: {reason}"):
        check.notes.did("ended", cluster, reason)
    else:
        check.notes.left(cluster, f"{reason}, but a job was added to it")


def _end_idle(check: MaintenanceRun, idle: Sequence[tuple[Cluster, Reason]]) -> None:
    """Terminate clusters without live jobs, unless their engines report work that the registry does not know."""
    if not idle:
        return
    busy: Mapping[int, bool] = {}
    with check.isolate_errors(f"{len(idle)} idle clusters"):
        busy = check.platform.busy_clusters([cluster for cluster, _ in idle])
    for cluster, reason in idle:
        with check.isolate_errors(cluster):
            if cluster.id not in busy:
                check.notes.left(cluster, f"{reason}, but its engine does not report whether it is busy")
            elif busy[cluster.id]:
                check.notes.left(cluster, f"{reason} by the registry, but its engine is busy")
            else:
                _end_unused(check, cluster, reason)
    if not check.dry_run:
        check.registry.clusters.touch([number for number, is_busy in busy.items() if is_busy], check.now)


def _shrink_idle(check: MaintenanceRun, idle: Sequence[Cluster]) -> None:
    """Resize elastic clusters without live jobs to their fewest workers, unless their engines report work."""
    if not idle:
        return
    busy: Mapping[int, bool] = {}
    with check.isolate_errors(f"{len(idle)} idle clusters"):
        busy = check.platform.busy_clusters(idle)
    for cluster in idle:
        if busy.get(cluster.id, True):
            continue
        least = cluster.spec.min_size
        why = f"idle: resized from {cluster.spec.workers} to {least} workers"
        with check.isolate_errors(cluster):
            after = cluster
            if not check.dry_run:
                after = check.clusters.resize(cluster.id, least, only_unused=True, actor=f"{ACTOR}: idle")
            if check.dry_run or after.spec.workers == least:
                check.notes.did("resized", cluster, why)


def _complete_launch(check: MaintenanceRun, cluster: Cluster) -> None:
    """Continue a launch without progress for minutes; what exists already is not made again."""
    early = cluster.state in {ClusterState.REQUESTED, ClusterState.PROVISIONING}
    if not early or check.now - cluster.state_since <= _INTERRUPTED_AFTER:
        return
    try:
        if not check.dry_run:
            check.clusters.resume(cluster.id)
    except ClusterFailed as failure:
        check.notes.did("failed", cluster, failure.diagnosis.cause)
        return
    if cluster.state is ClusterState.REQUESTED:
        check.notes.did("completed", cluster, "its launch was interrupted")


def check_jobs(check: MaintenanceRun) -> None:
    """Check every live job."""
    for page in pages(
        lambda after, most: check.registry.jobs.list_live(check.scope, after_id=after, limit=most)
    ):
        check.notes.count("live jobs", len(page))
        _check_jobs(check, page)


def _check_jobs(check: MaintenanceRun, page: Sequence[Job]) -> None:
    live = _poll_jobs(check, page)
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
            elif _is_interrupted_submission(check, job, cluster):
                _complete_submission(check, job)
            if state is not None and not state.is_known:
                check.notes.left(job, f"Airflow does not know the state of its owner ({job.owner})")


def _poll_jobs(check: MaintenanceRun, page: Sequence[Job]) -> list[Job]:
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


def _is_interrupted_submission(check: MaintenanceRun, job: Job, cluster: Cluster | None) -> bool:
    can_start = cluster is not None and cluster.state.takes_jobs
    return job.state is JobState.REQUESTED and can_start and check.now - job.created_at > _INTERRUPTED_AFTER


def _complete_submission(check: MaintenanceRun, job: Job) -> None:
    if not check.dry_run:
        # Resumed, not submitted again: it may have been stopped since the poll.
        job = check.jobs.resume(job.id)
    check.notes.did("completed", job, "its submission was interrupted")
