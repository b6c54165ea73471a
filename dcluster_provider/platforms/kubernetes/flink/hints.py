"""Why Flink jobs that run make no progress."""

from __future__ import annotations

import time

from dcluster_provider.core.diagnosis import Diagnosis

_RESTARTS_SECONDS = 120.0  # for which a restart is reported: between two of them, the job is at work


class RestartHints:
    """Why the jobs of one connection restart, by the job's id."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Diagnosis]] = {}

    def lasting(self, job_id: int, found: Diagnosis | None) -> Diagnosis | None:
        """The cause of a restart that was found now, or a moment ago."""
        now = time.monotonic()
        if found is not None:
            self._known[job_id] = (now, found)
        known = self._known.get(job_id)
        return known[1] if known is not None and now - known[0] < _RESTARTS_SECONDS else None

    def forget(self, job_id: int) -> None:
        """Forget a job that has ended."""
        self._known.pop(job_id, None)
