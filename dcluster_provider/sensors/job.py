"""The sensor that waits for a job."""

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

    def poll(self) -> Job:
        """Poll the job and return it."""
        job_id = record_id("job_id", self.job_id)
        polled = self.hook.jobs.observe([job_id])
        return polled[job_id] if job_id in polled else self.recorded()

    def recorded(self) -> Job:
        """The job in its last recorded state."""
        return self.hook.jobs.get(record_id("job_id", self.job_id))

    def reject_end(self, record: Any) -> None:
        """Raise if the job has ended, with its diagnosis."""
        from dcluster_provider.control.jobs import raise_if_job_ended

        raise_if_job_ended(record)
