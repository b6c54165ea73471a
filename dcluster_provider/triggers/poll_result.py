"""One poll for all waits of a process: clusters in one batch, jobs in another, logs as they are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dcluster_provider.core.errors import NotFound
from dcluster_provider.core.record import Cluster, Job

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control
    from dcluster_provider.control.observation_errors import Unobservable

_MAX_LOG_PAUSE = 300.0
_LOG_READS_PER_SECOND = 20  # of all waits together, at most
# Approximate bytes of all logs that a poll returns, and the bounds of one log. A wait gets more as soon as it has
# logged what it got, so memory stays bounded however fast a job writes.
_LOG_BYTES_PER_POLL = 256 * 1024
_MIN_LOG_BYTES, _MAX_LOG_BYTES = 8 * 1024, 64 * 1024


@dataclass(frozen=True)
class PollResult:
    """The result of a poll for one wait: the record, and the part of the log after what the wait has read.

    :param trouble: why the record is not current, because its platform could not observe it.
    :param log_is_cut: whether more of the log exists already.
    :param log_kept_at: where the log is, when only this machine can read on.
    :param log_was_read: whether the log was read, which waits until everything returned has been logged.
    """

    record: Cluster | Job
    trouble: str = ""
    log_text: str = ""
    log_end: int = 0
    log_is_cut: bool = False
    log_kept_at: str = ""
    log_was_read: bool = False


@dataclass(eq=False)
class Subscription:
    """One wait.

    :param poll_interval: seconds between two polls that this wait requests; the shortest interval applies to all.
    :param log_start: byte offset to read the job's log from; None means that no log is read.
    :param log_pause: seconds until the log is read again; it grows while nothing is written.
    :param log_due: when that is, by the monotonic clock.
    :param takes_log: whether everything returned of the log has been logged.
    :param cluster_id: the cluster of the wait; None until the first poll.
    """

    kind: Literal["cluster", "job"]
    record_id: int
    poll_interval: float
    log_start: int | None = None
    log_pause: float = 0.0
    log_due: float = 0.0
    takes_log: bool = True
    cluster_id: int | None = None
    results: asyncio.Queue[PollResult | Exception] = field(default_factory=asyncio.Queue)


def poll(
    control: Control, waits: Iterable[Subscription], terminating: frozenset[int] = frozenset()
) -> tuple[list[tuple[Subscription, PollResult | Exception]], set[int]]:
    """Poll for all waits: all clusters in one batch, all jobs in another.

    :param terminating: ids of clusters to poll without a wait, until they are gone.
    :returns: the result of each wait, and the ids of those clusters that are still terminating.
    """
    waits = list(waits)
    jobs = control.jobs.observe({wait.record_id for wait in waits if wait.kind == "job"})
    awaited = {wait.record_id for wait in waits if wait.kind == "cluster"}
    clusters = control.clusters.observe(awaited | terminating)
    states = {number: clusters[number].state for number in terminating if number in clusters}
    still_terminating = {number for number, state in states.items() if state.is_ending and not state.is_final}
    shown: list[tuple[Subscription, PollResult | Exception]] = []
    logs: list[tuple[Subscription, Job, int]] = []
    for wait in waits:
        record = (jobs if wait.kind == "job" else clusters).get(wait.record_id)
        if record is None:
            shown.append(
                (wait, NotFound(f"there is no {wait.kind} {wait.record_id} in the registry any more"))
            )
            continue
        unobservable = _unobservable(control, record)
        if unobservable is not None and unobservable.has_given_up:
            shown.append((wait, unobservable.why))
        elif unobservable is not None:
            shown.append((wait, PollResult(record, str(unobservable.why), log_end=wait.log_start or 0)))
        elif isinstance(record, Job) and wait.log_start is not None and _log_is_due(wait, record):
            logs.append((wait, record, wait.log_start))
        elif wait.log_start is not None:
            shown.append((wait, PollResult(record, log_end=wait.log_start)))  # its log is not due yet
        else:
            shown.append((wait, PollResult(record)))
    max_bytes = min(_MAX_LOG_BYTES, max(_MIN_LOG_BYTES, _LOG_BYTES_PER_POLL // max(1, len(logs))))
    parts = control.jobs.read_logs([(job, start) for _, job, start in logs], max_bytes) if logs else ()
    min_pause = max(control.platform.log_pause, len(waits) / _LOG_READS_PER_SECOND)
    for (wait, _, _), part in zip(logs, parts, strict=True):
        _pace_log(
            wait,
            min_pause if control.platform.log_pause else 0.0,
            has_grown=bool(part.text),
            is_cut=part.is_cut,
        )
    shown += [
        (wait, PollResult(job, "", part.text, part.end, part.is_cut, part.kept_at, log_was_read=True))
        for (wait, job, _), part in zip(logs, parts, strict=True)
    ]
    return shown, still_terminating


def _unobservable(control: Control, record: Cluster | Job) -> Unobservable | None:
    if isinstance(record, Job):
        return control.jobs.unobservable(record)
    return None if record.state.is_final else control.clusters.unobservable(record.id)


def _log_is_due(wait: Subscription, job: Job) -> bool:
    return wait.takes_log and (job.state.is_final or time.monotonic() >= wait.log_due)


def _pace_log(wait: Subscription, min_pause: float, *, has_grown: bool, is_cut: bool) -> None:
    """Schedule the next read: at once if more exists, soon for a log that grows, ever later for one that does not."""
    if is_cut and has_grown:
        wait.log_pause, wait.log_due = min_pause, 0.0
        return
    wait.log_pause = min_pause if has_grown else min(_MAX_LOG_PAUSE, max(min_pause, wait.log_pause * 2))
    wait.log_due = time.monotonic() + wait.log_pause
