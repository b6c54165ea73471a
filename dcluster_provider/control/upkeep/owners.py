"""The states that Airflow reports of the tasks that own clusters and jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from dcluster_provider.core.identity import Owner

_OVER = ("success", "failed")
GONE = "gone"


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
