"""Flink jobs on Kubernetes: jars handed to the JobManager, PyFlink programs and SQL files by clients of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.engines.application import is_found_by_job
from dcluster_provider.engines.flink.conf import unique_name
from dcluster_provider.engines.flink.jobs import FlinkJobs
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.engines.flink.rest import (
    LEFT_ALONE,
    after_client,
    while_client_runs,
)
from dcluster_provider.platforms.kubernetes.diagnosis import is_another_since, restart_evidence
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.pod import Pod

_AVAILABLE = "Give the connection flink_storage and flink_ha, so that jobs go on after a restart."
_RECOVERY = timedelta(seconds=120)  # in which a JobManager that restarted has its jobs again


def is_jar(job: Job) -> bool:
    """Whether the application is handed to the JobManager instead of run by a client."""
    return job.spec.application.lower().endswith(".jar") and not is_found_by_job(job.spec)


def submitted_ids(known: FlinkJobs, job: Job) -> list[str]:
    """The Flink jobs of a job: the one of its id, and those that its client gave its name."""
    own, name = flink_job_id(job.platform_key, job.generation), None if is_jar(job) else unique_name(job)
    return [job_id for job_id, found in known.overview.items() if job_id == own or found["name"] == name]


@dataclass(frozen=True)
class JobManagerJobs:
    """The jobs of a JobManager that runs in a pod.

    :param master: the JobManager's pod.
    :param highly_available: a JobManager that restarts goes on with its jobs.
    :param external: somebody else runs it, so that its pod is not known, nor whether it restarted.
    """

    known: FlinkJobs
    master: Pod | None = None
    highly_available: bool = False
    external: bool = False

    def observe(self, job: Job, client: ClientPod | None, savepoints: str) -> JobObservation | None:
        """A job as it is; what is due to stop it is done on the way.

        :param client: of a PyFlink program or SQL file; a jar has none.
        :param savepoints: the folder that savepoints go to.
        :returns: none when it cannot be told just now.
        """
        seen = self._jar(job) if client is None else self._client(job, client)
        ids = submitted_ids(self.known, job)
        if job.savepoint_requested:
            return seen and self.known.stop_with_savepoint(job, ids, savepoints, seen)
        if job.state is JobState.STOPPING:
            self.known.cancel_live(ids)  # whoever asked for it may have been cut short
        return seen

    def _jar(self, job: Job) -> JobObservation | None:
        """A jar that was handed to the JobManager, or was about to be."""
        job_id = flink_job_id(job.platform_key, job.generation)
        if job_id in self.known:
            return self.known.observe(job_id)
        if job.state is JobState.STOPPING and job.started_at is None:
            return JobObservation(JobPhase.ABSENT)
        given = job.started_at or job.state_since
        if self._may_come_back(given):
            return None
        if is_another_since(self.master, given):
            return JobObservation(JobPhase.LOST, diagnosis=self._restarted())
        # One that keeps its jobs knows nothing of them only while it ends.
        return None if self.highly_available else JobObservation(JobPhase.ABSENT)

    def _client(self, job: Job, client: ClientPod) -> JobObservation | None:
        """A PyFlink program or SQL file, which may submit several Flink jobs, waited for by its client or not."""
        ids = submitted_ids(self.known, job)
        jobs = [self.known.observe(job_id) for job_id in ids]
        seen = client.observe()
        if seen is None:
            return while_client_runs(jobs)
        if not ids:
            return self._client_alone(job, client, seen)
        if seen.phase in {JobPhase.SUCCEEDED, JobPhase.ABSENT}:
            # Kubernetes removes a client some days after its end, and a person may at any time.
            return after_client(jobs) or replace(seen, phase=JobPhase.SUCCEEDED)
        if seen.phase is not JobPhase.PENDING:
            self.known.cancel_live(ids)
        return self.known.after_failed_client(seen, jobs)

    def _client_alone(self, job: Job, client: ClientPod, seen: JobObservation) -> JobObservation | None:
        """A client that does not run, of whose Flink jobs the JobManager knows none; perhaps it submitted none."""
        never_began = seen.phase is JobPhase.ABSENT and job.started_at is None
        if never_began or seen.phase in {JobPhase.PENDING, JobPhase.KILLED}:
            return seen
        # It may have failed because its JobManager was gone, and what it had submitted may have been done; one that
        # ended well, or was removed since, may not have waited for that.
        given = job.started_at or client.begun_by
        if self._may_come_back(given):
            return None
        if is_another_since(self.master, given):
            return JobObservation(JobPhase.LOST, exit_code=seen.exit_code, diagnosis=self._restarted())
        if seen.phase is JobPhase.FAILED or not _went_on_without(client, job):
            return seen
        return None if self.highly_available else JobObservation(JobPhase.LOST, exit_code=seen.exit_code)

    def why_restarting(self, job: Job) -> Diagnosis | None:
        """Why a job is being restarted just now; none when it is not."""
        for job_id in submitted_ids(self.known, job):
            if self.known.overview[job_id]["state"] in {"RESTARTING", "FAILING"}:
                found = self.known.explain(job_id)
                return Diagnosis(
                    FlinkCode.JOB_RESTARTS,
                    f"{_RESTARTS} {found.cause}" if found else _RESTARTS,
                    f"{found.remedy if found else 'Read the log of its TaskManagers.'} A restart strategy with an end "
                    "(restart-strategy.type in extraCmd) has it fail instead.",
                    found.evidence if found else (),
                )
        return None

    @property
    def _running_since(self) -> datetime | None:
        """When the JobManager that runs now was started; none while none runs."""
        engine = self.master.engine if self.master else None
        return engine.running_since if engine else None

    def _may_come_back(self, given: datetime | None) -> bool:
        """Whether what a JobManager had taken at a moment, and does not know now, may be known soon."""
        if self.external:
            return False
        if self._running_since is None:
            return True  # the one that answers is about to end
        is_young = datetime.now(timezone.utc) - self._running_since < _RECOVERY
        return self.highly_available and is_young and is_another_since(self.master, given)

    def _restarted(self) -> Diagnosis:
        assert self.master is not None
        return Diagnosis(
            FlinkCode.JOB_MANAGER_RESTARTED,
            "The JobManager restarted and no longer knows the job, so whether it finished cannot be told.",
            "Check the job's output; if it has to run again, clear the task. "
            + ("The JobManager's log says why it did not go on." if self.highly_available else _AVAILABLE),
            restart_evidence(self.master),
        )


_RESTARTS = "The Flink job restarts after a failure of its tasks."


def _went_on_without(client: ClientPod, job: Job) -> bool:
    """Whether a job had Flink jobs at work after its client's end; one that waits for them ends with the last."""
    return bool(job.ui_url) and (client.ended_at is None or client.now - client.ended_at > LEFT_ALONE)
