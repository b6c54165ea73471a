"""Pieces of the logs of many jobs."""

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
    platform: Platform, wanted: Iterable[tuple[Job, Cluster, int]], most: int
) -> tuple[LogPart, ...]:
    """A piece of each job's log, in their order, a few asked for at a time.

    One that cannot be read just now keeps nobody from theirs: its piece is empty, and cut.

    :param wanted: jobs, their clusters, and the positions to read from.
    :param most: bytes of each, about.
    :raises CredentialsRefused: nobody can be asked with these credentials any more.
    """

    def read(log: _Log) -> tuple[_Log, LogPart]:
        return log, platform.read_log(log.job, log.cluster, log.start, most)

    logs = [_Log(*each) for each in wanted]
    parts = dict(ask_at_once(read, logs))
    return tuple(parts.get(log, LogPart("", log.start, is_cut=True)) for log in logs)
