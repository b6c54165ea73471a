"""Why nothing can be read of a job's log."""

from __future__ import annotations

from dcluster_provider.core.record import Cluster, Job


def why_empty(job: Job, cluster: Cluster, collected_at: str) -> str:
    """A sentence or two about a log of which nothing is there, with where else to look.

    :param job: whose log it is.
    :param cluster: the one that it runs on.
    :param collected_at: the address of what a collector of logs has of it; empty without one.
    """
    if not cluster.state.is_ending:
        page = job.ui_url or cluster.ui_url
        elsewhere = f" What its engine logs is on the engine's page: {page}" if page else ""
        return f"{job} ({job.state.value}) has printed nothing.{elsewhere}"
    gone = f"Nothing is left of the log of {job} ({job.state.value}): {cluster} is {cluster.state.value}."
    if collected_at:
        return f"{gone} What was collected of it: {collected_at}"
    if job.owner is None:
        return f"{gone} `airflow dcluster jobs logs {job.id} --follow` prints a log while its job runs."
    return f"{gone} What it printed is in the log of the task that waited for it: {job.owner}."
