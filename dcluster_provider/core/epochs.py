"""Which attempts of an Airflow task belong together: those without a clear between them.

Airflow does not report to a task that it was cleared. A clear sets ``max_tries`` to the attempts until then plus the
retries that the task has at that moment, and nothing else changes it; but neither number alone is an epoch.
``max_tries`` less the task's retries changes when the DAG is deployed with other retries. ``max_tries`` itself stays,
falls or returns to an old value when a task is cleared that was deployed with fewer. So what Airflow reported in the
first attempt of an epoch is stored.

A retry and a clear are indistinguishable when the DAG was deployed with exactly as many retries fewer as were used up,
and tasks of the run were cleared meanwhile. Then a clear is assumed: running twice is better than ignoring a person.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """The stored attempt that began an epoch: its number, and what Airflow reported in it.

    The fields are those of :class:`Attempt`.
    """

    number: int
    max_tries: int
    run_clears: int


@dataclass(frozen=True)
class Attempt:
    """An attempt of a task, as Airflow reports it to the task.

    :param number: 1 for the first.
    :param max_tries: of the task instance.
    :param retries: of the task as it is deployed now.
    :param run_clears: how often tasks of the run were cleared, whichever they were.
    """

    number: int
    max_tries: int
    retries: int
    run_clears: int = 0

    def begins(self) -> Epoch:
        """The epoch that this attempt begins; None when it belongs to an earlier one."""
        return Epoch(self.number, self.max_tries, self.run_clears)

    def goes_on_with(self, epoch: Epoch) -> bool:
        """Whether no clear lies between the first attempt of an epoch and this one."""
        if self.number == epoch.number:
            return True
        if self.max_tries != epoch.max_tries:
            return False
        return self.run_clears == epoch.run_clears or not self._is_as_after_a_clear()

    def _is_as_after_a_clear(self) -> bool:
        """Whether a clear would have set this ``max_tries``, or a retry would have exceeded it."""
        before = self.number - 1
        return self.max_tries - self.retries == before or before > self.max_tries
