"""What all steps of one cluster check share: what it works on, and what Airflow reports of the tasks that own it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.observation_errors import Unobservable, remote_error
from dcluster_provider.control.upkeep.report import Notes
from dcluster_provider.core.errors import CredentialsRefused, DClusterError
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.lifetime import Limits
from dcluster_provider.core.observation import ObservationError
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.base import Platform

if TYPE_CHECKING:
    from dcluster_provider.registry.records import Scope
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)
_PAGE = 1000
_OVER = ("success", "failed")
GONE = "gone"
ACTOR = "cluster check"

Record = TypeVar("Record", Cluster, Job)


@dataclass(frozen=True)
class OwnerState:
    """The states of an owner's DAG run and task.

    :param run: Airflow's state of the run, or ``gone`` when the run was deleted; None when unknown.
    :param task: Airflow's state of the task; None when unknown, or when the task has none.
    """

    run: str | None = None
    task: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether Airflow has reported the state of the run."""
        return self.run is not None

    @property
    def run_is_over(self) -> bool:
        """Whether the run has ended or was deleted, so that none of its tasks starts any more."""
        return self.run in (*_OVER, GONE)

    @property
    def task_failed(self) -> bool:
        """Whether the task has failed for good; a task that will be retried is in another state."""
        return self.task == "failed"

    @property
    def task_succeeded(self) -> bool:
        """Whether the task has succeeded, so that what it left running is there on purpose."""
        return self.task == "success"


OwnerStates = Callable[[Collection[Owner]], Mapping[Owner, OwnerState]]


def no_owner_states(_owners: Collection[Owner]) -> Mapping[Owner, OwnerState]:
    """Report no owner's state, for use without Airflow."""
    return {}


@dataclass(frozen=True)
class MaintenanceRun:
    """One cluster check: what it works on, its clock and its notes.

    :param now: when the check began.
    """

    registry: Registry
    platform: Platform
    clusters: Clusters
    jobs: Jobs
    scope: Scope
    limits: Limits
    ask_owners: OwnerStates
    notes: Notes
    now: datetime

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be changed."""
        return self.notes.dry_run

    def owner_states(self, records: Iterable[Cluster | Job]) -> dict[int, OwnerState]:
        """The states in Airflow of the records' owners, by the record's id; read after the records."""
        owned = [(record.id, record.owner) for record in records if record.owner is not None]
        owners: list[Owner] = list(dict.fromkeys(owner for _, owner in owned))
        known = self.ask_owners(owners) if owners else {}
        return {number: known.get(owner, OwnerState()) for number, owner in owned}

    def record_unobservable(
        self, subject: object, unobservable: Unobservable | ObservationError | None
    ) -> None:
        """Note a cluster or job that could not be observed."""
        if unobservable is not None:
            self.notes.left(subject, f"its state is unknown now: {unobservable.why}")

    def is_remote(self, subject: Cluster | Job, cluster: Cluster | None) -> bool:
        """Whether a cluster, or a job on it, is at another location, so that nothing can be done for it from here."""
        error = remote_error(self.platform, cluster) if cluster is not None else None
        if self.dry_run:  # otherwise the poll has noted it
            self.record_unobservable(subject, error)
        return error is not None

    @contextmanager
    def isolate_errors(self, subject: object) -> Iterator[None]:
        """Note an error of one cluster or job, so that the check continues with the others."""
        try:
            yield
        except CredentialsRefused:
            raise
        except (DClusterError, OSError) as error:
            _LOG.warning("%s: %s", subject, error)
            self.notes.left(subject, f"it could not be handled now: {error}")


def pages(read: Callable[[int, int], Sequence[Record]]) -> Iterator[Sequence[Record]]:
    """Read records of the registry in pages.

    :param read: reads one page: the records after an id, at most so many.
    """
    last = 0
    while True:
        page = read(last, _PAGE)
        if page:
            yield page
        if len(page) < _PAGE:
            return
        last = page[-1].id
