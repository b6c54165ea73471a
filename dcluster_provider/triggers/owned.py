"""What a trigger does about the thing that its task asked for when a person ends the task."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from dcluster_provider.core.identity import Owner

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

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

    async def cancelled(self) -> None:
        """To be called when the wait is cancelled: Airflow before 3.3 tells nobody why, and has no on_kill."""
        if not hasattr(BaseTrigger, "on_kill"):
            await self.on_kill()

    async def on_kill(self) -> None:
        """End what the task asked for, when a person ended the task.

        The task's state is read again first: Airflow also cancels a trigger that moves to another triggerer. It may
        cancel this method, too, a second after it began; what was begun goes on.
        """
        if self.owner is None:
            return
        ending = asyncio.create_task(self._end_own(Owner(**self.owner)))
        _endings.add(ending)
        ending.add_done_callback(_endings.discard)
        await asyncio.shield(ending)

    async def _end_own(self, owner: Owner) -> None:
        from asgiref.sync import sync_to_async

        from dcluster_provider.hooks.owner import is_still_going

        if await sync_to_async(is_still_going)(owner):
            self.log.info("%s is left alone: %s is still going", self.subject(), owner)
            return
        control = await self.control()
        told = await asyncio.to_thread(self.end, control, owner)
        self.log.info("%s", told)

    def subject(self) -> str:
        """What is waited for, for the log."""
        raise NotImplementedError

    async def control(self) -> Control:
        """The use cases of the connection."""
        raise NotImplementedError

    def end(self, control: Control, owner: Owner) -> str:
        """End what the task asked for; returns what is told of it."""
        raise NotImplementedError

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, none when there is none."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - datetime.now(timezone.utc).timestamp())
