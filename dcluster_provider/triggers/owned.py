"""What a trigger does about the thing that its task asked for when a person ends the task."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from dcluster_provider.core.errors import ClusterInUse
from dcluster_provider.core.identity import Owner

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

_ON_KILL_SECONDS = 25.0  # Airflow waits for on_kill for 30, and warns of one that takes longer
# In which the process that deferred a task has ended and the scheduler knows it, on a busy machine, too.
_WORKER_LEAVES_SECONDS = 10.0
_endings: set[asyncio.Task[None]] = set()  # the loop itself keeps no task from being forgotten


class OwnedTrigger(BaseTrigger):
    """Waits for something; ends it when it is its task's own and a person ends the task.

    :param conn_id: the connection.
    :param deadline: Unix time at which the wait gives up; none means never.
    :param owner: the waiting task when what it waits for is its own; none when it only watches.
    """

    conn_id: str
    deadline: float | None
    owner: dict[str, Any] | None

    async def wait_for_worker_to_leave(self, begun: float) -> None:
        """Wait, before an event, until Airflow knows that the worker has left: a task resumed earlier fails its try.

        The scheduler hears last of the process that deferred the task. When the task runs again by then, it takes that
        process's end for the end of the new one (https://github.com/apache/airflow/issues/72716).

        :param begun: when the wait began, by ``time.monotonic``.
        """
        if self.trigger_id is None:  # within the task's own process, as in dag.test()
            return
        await asyncio.sleep(max(0.0, begun + _WORKER_LEAVES_SECONDS - time.monotonic()))

    async def cancelled(self) -> None:
        """To be called when the wait is cancelled: Airflow before 3.3 tells nobody why, and has no on_kill."""
        if not hasattr(BaseTrigger, "on_kill"):
            await self.on_kill()

    async def on_kill(self) -> None:
        """End what the task asked for, when a person ended the task, and see it out.

        The task's state is read again first: Airflow also drops a trigger that another triggerer has by now, or whose
        task goes on without it. It may cancel this method, too; what was begun goes on, also when it takes longer than
        Airflow waits for it.
        """
        if self.owner is None:
            return
        ending = asyncio.create_task(self._end_own(Owner(**self.owner)))
        _endings.add(ending)
        ending.add_done_callback(_endings.discard)
        done, _ = await asyncio.wait({ending}, timeout=_ON_KILL_SECONDS)
        for task in done:
            task.result()

    async def _end_own(self, owner: Owner) -> None:
        from asgiref.sync import sync_to_async

        from dcluster_provider.hooks.owner import state_if_ended

        state = await sync_to_async(state_if_ended)(owner)
        if state is None:
            self.log.info("%s is left alone: nobody has ended %s", self.subject(), owner)
            return
        control = await self.control()
        if state == "success" and await asyncio.to_thread(self.has_arrived, control):
            self.log.info("%s is left alone: %s has succeeded with it", self.subject(), owner)
            return
        try:
            told = await asyncio.to_thread(self.end, control, owner)
        except ClusterInUse as used:
            self.log.info("%s", used)
            return
        self.log.info("%s", told)
        await self.wait_until_terminated()

    def subject(self) -> str:
        """What is waited for, for the log."""
        raise NotImplementedError

    async def control(self) -> Control:
        """The use cases of the connection."""
        raise NotImplementedError

    def end(self, control: Control, owner: Owner) -> str:
        """End what the task asked for; returns what is told of it.

        :raises ClusterInUse: others use it, and it is left to them.
        """
        raise NotImplementedError

    def has_arrived(self, control: Control) -> bool:
        """Whether what is waited for is as it was waited for: then its task can have succeeded by itself."""
        raise NotImplementedError

    async def wait_until_terminated(self) -> None:
        """Look on until nothing is left of what was ended, for some minutes at most; by default it is gone at once."""

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, none when there is none."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - datetime.now(timezone.utc).timestamp())
