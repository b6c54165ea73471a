"""One look for all waits of a process: clusters in one batch, jobs in another, logs as they are due."""

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
_LOG_READS_A_SECOND = 20  # of all waits together, at most
# Bytes of all logs that a look shows, about, and of one at least and at most. A wait is shown more as soon as it has
# passed on what it was shown, so what is held in memory is bounded however fast a job writes.
_LOG_BYTES_A_LOOK = 256 * 1024
_MIN_LOG_BYTES, _MAX_LOG_BYTES = 8 * 1024, 64 * 1024


@dataclass(frozen=True)
class PollResult:
    """What a look showed to one wait: the record, and the log from where the wait had read to, or a piece of that.

    :param trouble: why the record is not of this moment, as its platform does not tell of it.
    :param log_is_cut: whether there is more of the log already.
    :param log_kept_at: where the log is, when this machine alone can read on.
    :param log_was_read: whether the log was looked at, which it is not before everything shown has been passed on.
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

    :param poll_interval: seconds between two looks that this wait asks for; the most frequent asker sets the pace.
    :param log_start: position to read the job's log from; none means that the log is not wanted.
    :param log_pause: seconds until the log is read again; it grows while nothing is written.
    :param log_due: when that is, by the monotonic clock.
    :param takes_log: whether everything of the log that was shown has been passed on.
    :param cluster_id: the cluster of what is waited for; none until the first look.
    """

    kind: Literal["cluster", "job"]
    record_id: int
    poll_interval: float
    log_start: int | None = None
    log_pause: float = 0.0
    log_due: float = 0.0
    takes_log: bool = True
    cluster_id: int | None = None
    sights: asyncio.Queue[PollResult | Exception] = field(default_factory=asyncio.Queue)


def look(
    control: Control, waits: Iterable[Subscription], endings: frozenset[int] = frozenset()
) -> tuple[list[tuple[Subscription, PollResult | Exception]], set[int]]:
    """What one look shows to each wait: all clusters in one batch, all jobs in another.

    :param endings: ids of clusters to look at for which nobody waits.
    :returns: besides, which of those are on their way out still.
    """
    waits = list(waits)
    jobs = control.jobs.observe({wait.record_id for wait in waits if wait.kind == "job"})
    awaited = {wait.record_id for wait in waits if wait.kind == "cluster"}
    clusters = control.clusters.observe(awaited | endings)
    states = {number: clusters[number].state for number in endings if number in clusters}
    not_over = {number for number, state in states.items() if state.is_ending and not state.is_final}
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
    most = min(_MAX_LOG_BYTES, max(_MIN_LOG_BYTES, _LOG_BYTES_A_LOOK // max(1, len(logs))))
    parts = control.jobs.read_logs([(job, start) for _, job, start in logs], most) if logs else ()
    min_pause = max(control.platform.log_pause, len(waits) / _LOG_READS_A_SECOND)
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
    return shown, not_over


def _unobservable(control: Control, record: Cluster | Job) -> Unobservable | None:
    if isinstance(record, Job):
        return control.jobs.unobservable(record)
    return None if record.state.is_final else control.clusters.unobservable(record.id)


def _log_is_due(wait: Subscription, job: Job) -> bool:
    return wait.takes_log and (job.state.is_final or time.monotonic() >= wait.log_due)


def _pace_log(wait: Subscription, least: float, *, has_grown: bool, is_cut: bool) -> None:
    """A log that grows is read on soon, one of which there is more at once, one that does not ever more seldom."""
    if is_cut and has_grown:
        wait.log_pause, wait.log_due = least, 0.0
        return
    wait.log_pause = least if has_grown else min(_MAX_LOG_PAUSE, max(least, wait.log_pause * 2))
    wait.log_due = time.monotonic() + wait.log_pause
