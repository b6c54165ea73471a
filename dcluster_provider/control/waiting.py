"""Waiting for a cluster or job on a worker, look after look."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from dcluster_provider.control.retry_budget import RetryBudget
from dcluster_provider.core.errors import (
    CredentialsRefused,
    PlatformUnavailable,
    RegistryUnusable,
    WaitTimeout,
)
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import reconnect

_LOG = logging.getLogger(__name__)

Record = TypeVar("Record", bound=Cluster | Job)


class Wait(Generic[Record]):
    """One wait.

    :param look: looks at the record.
    :param timeout: seconds; none means for ever.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self, platform: Platform, look: Callable[[], Record], timeout: float | None, poll_interval: float
    ) -> None:
        self._platform = platform
        self._poll = look
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._poll_interval = poll_interval
        self._retry_budget = RetryBudget()

    def until(
        self,
        states: Collection[ClusterState] | Collection[JobState],
        *,
        first: Record | None,
        on_look: Callable[[Record], None] | None,
        check: Callable[[Record], None],
        so_far: Callable[[Record], str] = lambda _: "",
    ) -> Record:
        """The record once it is in one of the states.

        :param first: the record as somebody saw it a moment ago, instead of a first look.
        :param on_look: called with each record seen; without it, changes of state go to the log.
        :param check: called with each that is in none of them; raises when it will be in none.
        :param so_far: how far a record has come, for the error when time is up.
        :raises WaitTimeout: time is up.
        :raises DClusterError: looks have failed for a minute, or until time was up.
        """
        on_look = on_look or _log_changes()
        while True:
            record, first = first or self._poll_with_retries(), None
            if record is not None:
                on_look(record)
                if record.state in states:
                    return record
                check(record)
                if self._is_over:
                    state = f"{record} is {record.state.value} after {self._timeout:g} s"
                    raise WaitTimeout(f"{state}{so_far(record)}; it was left as it is")
            time.sleep(self._poll_interval)

    @property
    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _poll_with_retries(self) -> Record | None:
        """What a look shows; nothing when it failed and is to be made again."""
        try:
            found = self._poll()
        except (PlatformUnavailable, RegistryUnusable) as error:
            if self._is_over or not self._retry_budget.allows_retry():
                raise
            _LOG.warning("A look failed and is made again: %s", error)
            if isinstance(error, CredentialsRefused):
                reconnect(self._platform)
            return None
        self._retry_budget.reset()
        return found


def _log_changes() -> Callable[[Cluster | Job], None]:
    """Tells the log of a record's state whenever that is another than before."""
    told: ClusterState | JobState | None = None

    def log(record: Cluster | Job) -> None:
        nonlocal told
        if record.state is not told:
            _LOG.info("%s is %s", record, record.state.value)
        told = record.state

    return log
