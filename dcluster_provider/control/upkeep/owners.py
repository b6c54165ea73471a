"""What Airflow knows of the tasks that asked for clusters and jobs, as upkeep is told of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from dcluster_provider.core.identity import Owner

_OVER = ("success", "failed")
GONE = "gone"


@dataclass(frozen=True)
class OwnerState:
    """The states of an owner's DAG run and task.

    :param run: Airflow's name of the run's state, or ``gone`` when Airflow has the run no more; none when unknown.
    :param task: Airflow's name of the task's state; none when unknown, or when the task is not in any.
    """

    run: str | None = None
    task: str | None = None

    @property
    def is_known(self) -> bool:
        """Airflow could be asked about it."""
        return self.run is not None

    @property
    def run_is_over(self) -> bool:
        """Nothing of the run is to come."""
        return self.run in (*_OVER, GONE)

    @property
    def task_failed(self) -> bool:
        """The task has failed for good; one that will be tried again is in another state."""
        return self.task == "failed"

    @property
    def task_succeeded(self) -> bool:
        """The task has done what it was for."""
        return self.task == "success"


OwnerStates = Callable[[Collection[Owner]], Mapping[Owner, OwnerState]]


def no_owner_states(_owners: Collection[Owner]) -> Mapping[Owner, OwnerState]:
    """The states of owners where there is no Airflow to ask."""
    return {}
