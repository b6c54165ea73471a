"""What the task's log says of clusters and jobs."""

from __future__ import annotations

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState


def describe_launch(cluster: Cluster) -> str:
    """What was launched, and where."""
    spec = cluster.spec
    plural = "s" if spec.workers > 1 else ""
    workers = f"{spec.workers} worker{plural} of {spec.worker_cpu} CPU and {spec.worker_memory}"
    return f"{cluster}: {spec.type} on the {cluster.platform} platform, {workers}, generation {cluster.generation}"


def describe_submission(job: Job) -> str:
    """What was submitted, and to which cluster."""
    whose = "its own cluster" if job.owns_cluster else "cluster"
    return f"{job}: {job.spec.application} on {whose} {job.cluster_id}, generation {job.generation}"


def describe_change(before: Cluster | Job | None, after: Cluster | Job) -> str:
    """A change of state with its time, and what became known with it."""
    at = after.state_since.strftime("%H:%M:%S")
    if before is not None:
        took = f" after {(after.state_since - before.state_since).total_seconds():.1f} s"
    else:
        took = f" {(after.state_since - after.created_at).total_seconds():.1f} s after it was asked for"
    came_from = f"{before.state.value} -> " if before else ""
    return f"{at}Z {after}: {came_from}{after.state.value}{took}{_known(after)}"


def _known(record: Cluster | Job) -> str:
    if record.diagnosis is not None:
        return f"\n{record.diagnosis.render()}"
    if isinstance(record, Job):
        code = f", exit code {record.exit_code}" if record.exit_code is not None else ""
        page = f", page {record.ui_url}" if record.state is JobState.RUNNING and record.ui_url else ""
        return code + page
    if record.state is ClusterState.RUNNING:
        return f", {record.workers_ready} workers at {record.master_url}, page {record.ui_url}"
    if record.state in (ClusterState.PROVISIONING, ClusterState.DEGRADED):
        return f", {record.workers_ready} of {record.spec.workers} workers"
    return ""
