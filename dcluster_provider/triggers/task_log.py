"""The lines about clusters and jobs in a task's log."""

from __future__ import annotations

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState


def describe_launch(cluster: Cluster) -> str:
    """A launched cluster: its type, platform and size."""
    spec = cluster.spec
    plural = "s" if spec.workers > 1 else ""
    workers = f"{spec.workers} worker{plural} of {spec.worker_cpu} CPU and {spec.worker_memory}"
    return f"{cluster}: {spec.type} on the {cluster.platform} platform, {workers}, generation {cluster.generation}"


def describe_submission(job: Job) -> str:
    """A submitted job: its application and cluster."""
    whose = "its own cluster" if job.owns_cluster else "cluster"
    return f"{job}: {job.spec.application} on {whose} {job.cluster_id}, generation {job.generation}"


def is_news(before: Cluster | Job | None, after: Cluster | Job) -> bool:
    """Whether a change is worth a log line: the state differs, or why there is no progress."""
    if before is None or before.state is not after.state:
        return True
    return after.diagnosis is not None and after.diagnosis != before.diagnosis


def describe_change(before: Cluster | Job | None, after: Cluster | Job) -> str:
    """A change of state with its time, and the facts that became known with it.

    Of a failure it shows the cause alone: the error that ends the wait has the evidence and the remedy.
    """
    at = after.state_since.strftime("%H:%M:%S")
    if before is not None:
        took = f" after {(after.state_since - before.state_since).total_seconds():.1f} s"
    else:
        took = f" {(after.state_since - after.created_at).total_seconds():.1f} s after its request"
    if before is not None and before.state is after.state and after.diagnosis is not None:
        return f"{after}: {after.state.value}, and makes no progress:\n{after.diagnosis.render()}"
    came_from = f"{before.state.value} -> " if before else ""
    return f"{at}Z {after}: {came_from}{after.state.value}{took}{_known(after)}"


def _known(record: Cluster | Job) -> str:
    if record.diagnosis is not None:
        return f": {record.diagnosis.cause} [{record.diagnosis.code}]"
    return _known_of_job(record) if isinstance(record, Job) else _known_of_cluster(record)


def _known_of_job(job: Job) -> str:
    if job.savepoint_requested:
        return ", with a savepoint"
    if job.state is JobState.RUNNING and job.savepoint_failure is not None:
        return f"\n{job.savepoint_failure.render()}"
    savepoint = f", savepoint {job.savepoint}" if job.savepoint else ""
    code = f", exit code {job.exit_code}" if job.exit_code is not None else ""
    page = f", page {job.ui_url}" if job.state is JobState.RUNNING and job.ui_url else ""
    return savepoint + code + page


def _known_of_cluster(cluster: Cluster) -> str:
    if cluster.state is ClusterState.RUNNING:
        return f", {cluster.workers_ready} workers at {cluster.master_url}, page {cluster.ui_url}"
    if cluster.state in (ClusterState.PROVISIONING, ClusterState.DEGRADED):
        return f", {cluster.workers_ready} of {cluster.spec.workers} workers"
    return ""
