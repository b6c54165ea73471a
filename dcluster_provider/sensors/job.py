"""The sensor for jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.arguments import record_id
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.sensors.waiting import RecordSensor

if TYPE_CHECKING:
    from airflow.sdk import XComArg


class DClusterJobSensor(RecordSensor):
    """Waits for a job to be in one of some states.

    :param job_id: the job's id, templated.

    The other arguments are those of :class:`~dcluster_provider.sensors.waiting.RecordSensor`.

    :raises JobFailed: the job ended in another state.
    """

    kind = "job"
    kind_of_state = JobState
    template_fields: Sequence[str] = ("job_id", "states", "dcluster_conn_id")

    def __init__(
        self, *, job_id: int | str | XComArg, states: str | Sequence[str] = "SUCCEEDED", **kwargs: Any
    ) -> None:
        super().__init__(states=states, **kwargs)
        self.job_id = job_id

    def look(self) -> Job:
        """The job at this moment."""
        job_id = record_id("job_id", self.job_id)
        seen = self.hook.jobs.observe([job_id])
        return seen[job_id] if job_id in seen else self.last_seen()

    def last_seen(self) -> Job:
        """The job as it was last seen."""
        return self.hook.jobs.get(record_id("job_id", self.job_id))

    def reject_end(self, record: Any) -> None:
        """Raise if the job has ended."""
        from dcluster_provider.control.jobs import raise_if_job_ended

        raise_if_job_ended(record)
