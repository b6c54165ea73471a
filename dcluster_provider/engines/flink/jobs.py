"""The jobs that a JobManager knows, and what is due of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.evidence import explain_exit
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import run_request
from dcluster_provider.engines.flink.rest import FINAL_PHASES, job_phase
from dcluster_provider.engines.flink.savepoints import go_on_stopping
from dcluster_provider.engines.rest import EngineRest, ErrorResponse, NoAnswer

_DUPLICATES = ("DuplicateJobSubmissionException", "DuplicateApplicationSubmissionException")


@dataclass(frozen=True)
class FlinkJobs:
    """The Flink jobs of one JobManager at one moment.

    :param overview: each job by its id.
    :param url: of the JobManager's page.
    """

    rest: EngineRest
    overview: Mapping[str, dict[str, Any]]
    url: str = ""

    @classmethod
    def poll(cls, rest: EngineRest, url: str = "") -> FlinkJobs | None:
        """All jobs, by one request; none when the JobManager does not report them just now."""
        try:
            return cls(rest, flink_rest.jobs_overview(rest), url)
        except (NoAnswer, ErrorResponse):
            return None

    def __contains__(self, job_id: str) -> bool:
        return job_id in self.overview

    def observe(self, job_id: str) -> JobObservation:
        """A job that the JobManager knows, with what it failed with."""
        phase = job_phase(self.overview[job_id])
        diagnosis = self.explain(job_id) if phase is JobPhase.FAILED else None
        return JobObservation(phase, f"{self.url.rstrip('/')}/#/job/{job_id}/overview", diagnosis=diagnosis)

    def explain(self, job_id: str) -> Diagnosis | None:
        """What a job fails with; none when the JobManager does not report it."""
        stack = flink_rest.root_exception(self.rest, job_id)
        return explain_exit("The Flink job", None, stack.splitlines()) if stack else None

    def cancel_live(self, ids: Iterable[str]) -> None:
        """Begin to cancel those of the jobs that have not ended."""
        for job_id in ids:
            if job_id in self.overview and job_phase(self.overview[job_id]) not in FINAL_PHASES:
                flink_rest.cancel(self.rest, job_id)

    def after_failed_client(self, client: JobObservation, jobs: Iterable[JobObservation]) -> JobObservation:
        """The outcome of a client that did not end well: the cause of its job's failure when it has none itself."""
        failed = next((found for found in jobs if found.phase is JobPhase.FAILED), None)
        code = client.diagnosis.code if client.diagnosis else None
        # An exception of the program itself says more than what Flink knows.
        is_generic = code is None or (code.is_generic and code != ProcessCode.PYTHON_EXCEPTION)
        if client.phase is JobPhase.FAILED and failed and is_generic:
            return JobObservation(JobPhase.FAILED, failed.ui_url, client.exit_code, failed.diagnosis)
        return client

    def stop_with_savepoint(
        self, job: Job, ids: Iterable[str], folder: str, observed: JobObservation
    ) -> JobObservation | None:
        """Stop a job with a savepoint, unless Flink is at it already.

        :param ids: of its Flink jobs.
        :param folder: that the savepoint goes to.
        :returns: the job as observed, with what came of its stop; none when the JobManager does not answer.
        """
        phases = {job_id: job_phase(self.overview[job_id]) for job_id in ids if job_id in self.overview}
        try:
            return go_on_stopping(self.rest, job, phases, folder).seen_with(observed)
        except (NoAnswer, ErrorResponse):
            return None


def run_jar_once(
    engine: EngineRest, cluster: Cluster, job: Job, jar: IO[bytes], size: int, *, keep: bool
) -> None:
    """Run a jar under an id that is the job's alone: however often this happens, Flink runs it once.

    :param size: of the jar, in bytes.
    :param keep: leave the jar to a JobManager that takes it along when it ends.
    :raises PlatformRefused: it can never run so.
    :raises PlatformUnavailable: the JobManager does not answer.
    """
    job_id, jar_id = flink_job_id(job.platform_key, job.generation), ""
    refused: ErrorResponse | None = None
    try:
        jar_id = flink_rest.upload_jar(engine, jar, size)
        flink_rest.run_jar(engine, jar_id, run_request(cluster, job, job_id))
    except NoAnswer as error:
        raise PlatformUnavailable(f"{job}: the JobManager of {cluster} does not answer: {error}") from error
    except ErrorResponse as refusal:
        refused = refusal
    if jar_id and not keep:
        flink_rest.remove_jar(engine, jar_id)
    if refused is None:
        return
    text = flink_rest.refusal_text(refused)
    if not any(duplicate in text for duplicate in _DUPLICATES):
        flink_rest.cancel(engine, job_id)  # its main method may have failed after it had started the job
        raise PlatformRefused(str(job), explain_exit("The jar", None, text.splitlines())) from refused
