"""Triggers that end what their task owns when a person ends the task."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from dcluster_provider.core.errors import ClusterInUse
from dcluster_provider.core.identity import Owner
from dcluster_provider.triggers.task_log import wait_until_read

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

_ON_KILL_SECONDS = 25.0  # Airflow waits 30 seconds for on_kill, and warns of one that takes longer
# For the process that deferred a task to end, and for the scheduler to know it, also on a busy machine.
_WORKER_LEAVES_SECONDS = 10.0
_terminations: set[asyncio.Task[None]] = set()  # keeps tasks alive, which the loop itself does not


class OwnedTrigger(BaseTrigger):
    """Waits for something, and ends it when its task owns it and a person ends the task.

    :param conn_id: the connection.
    :param deadline: Unix time at which the wait gives up; None means never.
    :param owner: the waiting task, if it owns what it waits for; None when it only watches.
    """

    conn_id: str
    deadline: float | None
    owner: dict[str, Any] | None

    async def wait_for_worker_to_leave(self, begun: float) -> None:
        """Delay the event until Airflow knows that the worker has left: a task resumed earlier fails its attempt.

        The scheduler learns last that the process which deferred the task has ended. When the task runs again by then,
        it takes that end for the end of the new process (https://github.com/apache/airflow/issues/72716).

        :param begun: when the wait began, by ``time.monotonic``.
        """
        if self.trigger_id is None:  # within the task's own process, as in dag.test()
            return
        await asyncio.sleep(max(0.0, begun + _WORKER_LEAVES_SECONDS - time.monotonic()))

    async def wait_until_log_is_read(self) -> None:
        """Delay the event until the triggerer has read what was logged: it drops the rest when the trigger ends."""
        if self.trigger_id is not None:  # the task's own process, as in dag.test(), writes its log itself
            await wait_until_read()

    async def cancelled(self) -> None:
        """Handle the cancellation of the wait: Airflow before 3.3 does not report why, and has no on_kill."""
        if not hasattr(BaseTrigger, "on_kill"):
            await self.on_kill()

    async def on_kill(self) -> None:
        """End what the task owns when a person ended the task, and wait until it is terminated.

        The task's state is read again first: Airflow also drops a trigger that another triggerer runs now, or whose
        task continues without it. It may cancel this method, too; the termination continues, also when it takes longer
        than Airflow waits for it.
        """
        if self.owner is None:
            return
        termination = asyncio.create_task(self._end_own(Owner(**self.owner)))
        _terminations.add(termination)
        termination.add_done_callback(_terminations.discard)
        done, _ = await asyncio.wait({termination}, timeout=_ON_KILL_SECONDS)
        for task in done:
            task.result()

    async def _end_own(self, owner: Owner) -> None:
        from asgiref.sync import sync_to_async

        from dcluster_provider.hooks.owner import state_if_ended

        state = await sync_to_async(state_if_ended)(owner)
        if state is None:
            self.log.info("%s is left alone: %s was not ended", self.subject(), owner)
            return
        control = await self.control()
        if state == "success" and await asyncio.to_thread(self.has_arrived, control):
            self.log.info("%s is left alone: %s has succeeded with it", self.subject(), owner)
            return
        try:
            line = await asyncio.to_thread(self.end, control, owner)
        except ClusterInUse as used:
            self.log.info("%s", used)
            return
        self.log.info("%s", line)
        await self.wait_until_terminated()

    def subject(self) -> str:
        """What the trigger waits for, in log lines."""
        raise NotImplementedError

    async def control(self) -> Control:
        """The use cases of the connection, without blocking the event loop."""
        raise NotImplementedError

    def end(self, control: Control, owner: Owner) -> str:
        """End what the task owns, and return a log line about it.

        :raises ClusterInUse: jobs of other DAG runs use it, so it is left as it is.
        """
        raise NotImplementedError

    def has_arrived(self, control: Control) -> bool:
        """Whether the wait has reached its goal, so that its task can have succeeded by itself."""
        raise NotImplementedError

    async def wait_until_terminated(self) -> None:
        """Poll until nothing is left of what was ended, for some minutes at most; by default it is gone at once."""

    def seconds_left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - datetime.now(timezone.utc).timestamp())
