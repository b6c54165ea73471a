"""Explanations of empty job logs."""

from __future__ import annotations

from dcluster_provider.core.record import Cluster, Job


def why_empty(job: Job, cluster: Cluster, collected_at: str) -> str:
    """Explain why a job's log is empty, and where else its output may be.

    :param job: the job whose log is empty.
    :param cluster: the cluster that it runs on.
    :param collected_at: address of the log in a log collector; empty without one.
    """
    if not cluster.state.is_ending:
        page = job.ui_url or cluster.ui_url
        elsewhere = f" The engine's own page is {page}" if page else ""
        return f"{job} ({job.state.value}) has printed nothing.{elsewhere}"
    gone = f"Nothing is left of the log of {job} ({job.state.value}): {cluster} is {cluster.state.value}."
    if collected_at:
        return f"{gone} What was collected of it: {collected_at}"
    if job.owner is None:
        return f"{gone} `airflow dcluster jobs logs {job.id} --follow` prints a log while its job runs."
    return f"{gone} What it printed is in the log of the task that waited for it: {job.owner}."
