"""Reads parts of many job logs at once, and explains empty ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.base import LogPart, Platform


@dataclass(frozen=True, eq=False)
class _Log:
    job: Job
    cluster: Cluster
    start: int

    def __str__(self) -> str:
        return f"the log of {self.job}"


def read_at_once(
    platform: Platform, requests: Iterable[tuple[Job, Cluster, int]], max_bytes: int
) -> tuple[LogPart, ...]:
    """A part of each job's log, in the order of the requests, a few read at a time.

    A log that cannot be read now does not hold up the others: its part is empty, and cut.

    :param requests: jobs, their clusters, and the byte offsets to read from.
    :param max_bytes: of each part, about.
    :raises CredentialsRefused: these credentials are no longer valid for any log.
    """

    def read(log: _Log) -> tuple[_Log, LogPart]:
        return log, platform.read_log(log.job, log.cluster, log.start, max_bytes)

    logs = [_Log(*each) for each in requests]
    parts = dict(ask_at_once(read, logs))
    return tuple(parts.get(log, LogPart("", log.start, is_cut=True)) for log in logs)


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
