"""The triggers that wait until a cluster or a job is in a requested state or has ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.triggers.base import TriggerEvent

from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_result import without_result_lines
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.triggers.owned import OwnedTrigger
from dcluster_provider.triggers.poll_result import PollResult, Subscription
from dcluster_provider.triggers.shared_watch import SharedWatch
from dcluster_provider.triggers.task_log import describe_change, is_news, turn, wait_for_room

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control


_MAX_EVENT = 24 * 1024  # characters of JSON; MySQL keeps 64 KiB of what a task resumes with
# Of lines that are logged at once.
_PIECE_LINES, _PIECE_CHARACTERS = 100, 16 * 1024
_PIECE_SECONDS = 0.1  # between two batches of lines
_MAX_AFTER_END = 64 * 1024 * 1024  # characters of a log that are copied after the job's end
_TERMINATION_SECONDS = 300.0  # in which what a person ended is gone, unless its node does not answer
_TERMINATION_POLL_INTERVAL = 1.0  # seconds


class RecordTrigger(OwnedTrigger):
    """Waits for one record of the registry; subclasses name its kind.

    What the last poll returned is not logged here: the triggerer closes a trigger's log file as soon as the trigger has
    ended, and drops what it has not read by then. Those lines are part of the event, as ``lines``, and the resumed task
    logs them; if the event cannot hold all of them, the first are logged here. A trigger that has logged anything ends
    only when all of it was read.

    :param conn_id: the connection.
    :param record_id: the id of the cluster or job.
    :param states: the states to wait for; a final state ends the wait in any case.
    :param poll_interval: seconds between two polls.
    :param deadline: Unix time at which the wait gives up; None means never.
    :param owner: the waiting task, if it owns the cluster or job, which then ends when a person ends the task; None
        when the task only watches.
    :param log_start: byte offset from which the job's log is copied to the task's log; None means not at all.
    """

    kind: ClassVar[Literal["cluster", "job"]]

    def __init__(  # noqa: PLR0917  # Airflow passes what serialize() gave by keyword
        self,
        conn_id: str,
        record_id: int,
        states: Sequence[str],
        poll_interval: float,
        deadline: float | None = None,
        owner: dict[str, Any] | None = None,
        log_start: int | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types there
        self.conn_id = conn_id
        self.record_id = record_id
        self.states = list(states)
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.owner = owner
        self.log_start = log_start
        self._held_lines: list[str] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and arguments that Airflow stores."""
        names = ("conn_id", "record_id", "states", "poll_interval", "deadline", "owner", "log_start")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a requested or final state was reached, or the deadline passed; with the last lines."""
        begun = time.monotonic()
        wait = Subscription(self.kind, self.record_id, self.poll_interval, self.log_start)
        results = SharedWatch.of(self.conn_id).follow(wait)
        last: PollResult | None = None
        try:
            while True:
                try:
                    result = await asyncio.wait_for(anext(results), self.seconds_left())
                except asyncio.TimeoutError:
                    await self.wait_for_worker_to_leave(begun)
                    yield await self._event("timeout", last, wait.log_start)
                    return
                decides = result.record.state.is_final or result.record.state.value in self.states
                await self._hold_lines(last, result, is_last=decides)
                last = result
                if decides:
                    # No other machine can read on: the pod goes with the job.
                    last = await self._read_to_the_end(results, last)
                    await self.wait_for_worker_to_leave(begun)
                    yield await self._event("state", last, wait.log_start)
                    return
        except asyncio.CancelledError:
            await self.cancelled()
            raise
        finally:
            self._log_lines(self._held_lines)
            await results.aclose()

    def subject(self) -> str:
        """The kind and id of the record, for log lines."""
        return f"{self.kind} {self.record_id}"

    async def control(self) -> Control:
        """The use cases of the connection, shared with its watch."""
        return await SharedWatch.of(self.conn_id).control()

    def end(self, control: Control, owner: Owner) -> str:
        """Terminate the cluster or stop the job."""
        actor = f"a person who ended {owner}"
        ended: Cluster | Job
        if self.kind == "job":
            ended = control.jobs.terminate(self.record_id, actor=actor)
        else:
            ended = control.clusters.terminate(self.record_id, actor=actor, asked_by=owner)
        return f"Ended {ended}, now {ended.state.value}, because a person ended the task"

    def has_arrived(self, control: Control) -> bool:
        """Whether the cluster or job is in a requested state."""
        calls = control.jobs if self.kind == "job" else control.clusters
        return calls.get(self.record_id).state.value in self.states

    async def wait_until_terminated(self) -> None:
        """Poll the cluster or job until it has ended; the watch then polls a job's own cluster."""
        try:
            await asyncio.wait_for(self._until_final(), _TERMINATION_SECONDS)
        except asyncio.TimeoutError:
            self.log.warning(
                "%s has not ended after %g s; the next cluster check continues",
                self.subject(),
                _TERMINATION_SECONDS,
            )

    async def _until_final(self) -> None:
        results = SharedWatch.of(self.conn_id).follow(
            Subscription(self.kind, self.record_id, _TERMINATION_POLL_INTERVAL)
        )
        try:
            async for result in results:
                if result.record.state.is_final:
                    return
        finally:
            await results.aclose()

    async def _read_to_the_end(self, results: AsyncIterator[PollResult], last: PollResult) -> PollResult:
        """Log the rest of a log that only this machine can read, however late it is."""
        copied = len(last.log_text)
        while self._is_to_read_on(last):
            if copied > _MAX_AFTER_END:
                self._held_lines.append(
                    f"The log continues after {copied} characters; all of it is in {last.log_kept_at}"
                )
                return replace(last, log_is_cut=False)
            await self._pass_on(self._held_lines)
            self._held_lines = []
            last = await anext(results)
            self._held_lines = _log_lines_of(last)
            copied += len(last.log_text)
        return last

    def _is_to_read_on(self, result: PollResult) -> bool:
        if self.log_start is None or not result.record.state.is_final:
            return False
        return not result.log_was_read or (result.log_is_cut and bool(result.log_kept_at))

    async def _hold_lines(self, before: PollResult | None, result: PollResult, *, is_last: bool) -> None:
        """Hold back the lines of a poll; those of the previous one are logged, since there is time to read them."""
        if not is_last:
            await self._pass_on(self._held_lines)
            self._held_lines = []
        self._held_lines += _log_lines_of(result)
        known = before.record if before else None
        if is_news(known, result.record):
            self._held_lines.append(describe_change(known, result.record))
        if result.trouble and (before is None or before.trouble != result.trouble):
            self._held_lines.append(f"The state is unknown now: {result.trouble}; the wait continues")

    def _log_lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.log.info("%s", line)

    async def _event(self, cause: str, last: PollResult | None, log_end: int | None) -> TriggerEvent:
        await self._log_what_no_event_carries()
        await self.wait_until_log_is_read()
        lines, self._held_lines = self._held_lines, []
        return TriggerEvent(  # type: ignore[no-untyped-call]  # nor here
            {
                "cause": cause,
                "id": self.record_id,
                "state": last.record.state.value if last else None,
                "log_end": log_end,
                "log_is_cut": last.log_is_cut if last else False,
                "lines": lines,
            }
        )

    async def _log_what_no_event_carries(self) -> None:
        left = _first_that_fits(self._held_lines)
        if not left:
            return
        first, self._held_lines = self._held_lines[:left], self._held_lines[left:]
        await self._pass_on(first)

    async def _pass_on(self, lines: Sequence[str]) -> None:
        """Log lines no faster than the triggerer reads them from all its waits together."""
        begin = 0
        while begin < len(lines):
            end = _end_of_piece(lines, begin)
            if end - begin < _FEW_LINES:
                await wait_for_room()
                self._log_lines(lines[begin:end])
            else:
                async with turn():
                    await wait_for_room()
                    self._log_lines(lines[begin:end])
                    await asyncio.sleep(_PIECE_SECONDS)
            begin = end


class ClusterTrigger(RecordTrigger):
    """Waits for a cluster; its arguments are those of :class:`RecordTrigger`."""

    kind = "cluster"


class JobTrigger(RecordTrigger):
    """Waits for a job and copies its log to the task's; its arguments are those of :class:`RecordTrigger`."""

    kind = "job"


_FEW_LINES = 10  # that need no turn


def _end_of_piece(lines: Sequence[str], begin: int) -> int:
    end, size = begin, 0
    while end < len(lines) and end - begin < _PIECE_LINES and (end == begin or size < _PIECE_CHARACTERS):
        size += len(lines[end])
        end += 1
    return end


def _log_lines_of(result: PollResult) -> list[str]:
    return [f"  | {line}" for line in without_result_lines(result.log_text)]


def _first_that_fits(lines: Sequence[str]) -> int:
    """The index of the first of the last lines that an event can hold."""
    left = _MAX_EVENT
    for index in range(len(lines) - 1, -1, -1):
        left -= len(json.dumps(lines[index])) + 2
        if left < 0:
            return index + 1
    return 0
