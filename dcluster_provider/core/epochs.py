"""Which tries of an Airflow task belong together: those that no clear lies between.

Airflow does not tell a task that it was cleared. A clear sets ``max_tries`` to the tries until then plus the retries
that the task has at that moment, and nothing else changes it; but neither number alone is an epoch. ``max_tries`` less
the task's retries moves when the DAG is deployed with other retries. ``max_tries`` itself stays, falls or comes back
to an old value when a task is cleared that was deployed with fewer. So what the first try was told is remembered.

A retry and a clear look the same when the DAG was deployed with exactly as many retries fewer as were used up, and
tasks of the run were cleared meanwhile. Then a clear is assumed: better run twice than a person's wish forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """What is remembered of the try that began an epoch: its number, and what Airflow told it.

    The fields are those of :class:`Attempt`.
    """

    number: int
    max_tries: int
    run_clears: int


@dataclass(frozen=True)
class Attempt:
    """A try of a task, as Airflow tells the task of it.

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
        """The epoch that this try begins, if it begins one."""
        return Epoch(self.number, self.max_tries, self.run_clears)

    def goes_on_with(self, epoch: Epoch) -> bool:
        """Whether no clear lies between the first try of an epoch and this one."""
        if self.number == epoch.number:
            return True
        if self.max_tries != epoch.max_tries:
            return False
        return self.run_clears == epoch.run_clears or not self._is_as_after_a_clear()

    def _is_as_after_a_clear(self) -> bool:
        """Whether a clear would have left this ``max_tries``, or a retry would have been one too many."""
        before = self.number - 1
        return self.max_tries - self.retries == before or before > self.max_tries
