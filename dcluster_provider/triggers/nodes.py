"""The trigger that waits until machines are ready nodes, or are released."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from dcluster_provider.control.waiting import ProgressPoller
from dcluster_provider.core.errors import NodesFailed
from dcluster_provider.core.identity import Owner
from dcluster_provider.triggers.owned import OwnedTrigger

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control


class NodesTrigger(OwnedTrigger):
    """Waits for the nodes of one request.

    :param conn_id: the connection.
    :param action: ``launch`` or ``destroy``.
    :param request: a NodeRequest or a DestroyRequest, as a JSON object.
    :param key: the key of a launch.
    :param poll_interval: seconds between two polls.
    :param deadline: Unix time at which the wait gives up; None means never.
    :param owner: the waiting task, if it owns the nodes, which are then released when a person ends the task.
    :param begun: when a destruction was requested, in ISO 8601: nodes given up before are drained again.
    """

    def __init__(  # noqa: PLR0917  # Airflow passes what serialize() gave by keyword
        self,
        conn_id: str,
        action: str,
        request: dict[str, Any],
        key: str,
        poll_interval: float,
        deadline: float | None = None,
        owner: dict[str, Any] | None = None,
        begun: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types there
        self.conn_id = conn_id
        self.action = action
        self.request = request
        self.key = key
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.owner = owner
        self.begun = begun

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and arguments that Airflow stores."""
        names = ("conn_id", "action", "request", "key", "poll_interval", "deadline", "owner", "begun")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the nodes are ready or gone, the request failed, or the deadline passed."""
        begun = time.monotonic()
        try:
            control = await self.control()
            event = await self._event(control)
            await self.wait_for_worker_to_leave(begun)
            await self.wait_until_log_is_read()
            yield event
        except asyncio.CancelledError:
            await self.cancelled()
            raise

    async def _event(self, control: Control) -> TriggerEvent:
        poller = ProgressPoller(lambda: self._poll(control))
        while True:
            try:
                progress, news = await asyncio.to_thread(poller.once)
            except NodesFailed as error:
                diagnosis = error.diagnosis.as_json()
                return _event({"cause": "failed", "subject": error.subject, "diagnosis": diagnosis})
            if news:
                log = self.log.warning if progress is None else self.log.info
                log("%s", news)
            if progress is not None and progress.is_finished:
                return _event({"cause": "finished", "progress": progress.as_json()})
            left = self.seconds_left()
            if left == 0:
                return _event({"cause": "timeout", "progress": poller.last})
            await asyncio.sleep(self.poll_interval if left is None else min(self.poll_interval, left))

    def _poll(self, control: Control) -> Any:
        if self.action == "launch":
            return control.nodes.poll_launch(self.request, self.key)
        begun = datetime.fromisoformat(self.begun) if self.begun else None
        return control.nodes.destroy_step(self.request, begun)

    def subject(self) -> str:
        """The action on the nodes, for log lines."""
        return f"the {self.action} of nodes"

    async def control(self) -> Control:
        """The use cases of the connection, created in this process once."""
        from asgiref.sync import sync_to_async

        from dcluster_provider.hooks.dcluster import DClusterHook

        # Airflow's client for connections belongs to this thread's context, which sync_to_async keeps.
        return await sync_to_async(lambda: DClusterHook(self.conn_id).control)()

    def has_arrived(self, control: Control) -> bool:
        """Whether the launch or destruction is finished."""
        try:
            return bool(self._poll(control).is_finished)
        except NodesFailed:
            return False

    def end(self, control: Control, owner: Owner) -> str:
        """Release the machines of a launch; a destruction that ends early leaves them as they are."""
        if self.action != "launch":
            return f"What is left of {self.subject()} stays, because {owner} was ended by a person"
        ids = control.nodes.undo_launch(self.request, self.key)
        return f"Released {len(ids)} nodes ({', '.join(ids)}), because a person ended {owner}"


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow has no types there
