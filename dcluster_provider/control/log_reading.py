"""Reads parts of many job logs at once."""

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
