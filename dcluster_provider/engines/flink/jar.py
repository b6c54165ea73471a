"""Handing a Flink application's jar to a JobManager."""

from __future__ import annotations

from typing import BinaryIO

from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.evidence import explain_exit
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import run_request
from dcluster_provider.engines.rest import EngineRest, ErrorResponse, NoAnswer

_DUPLICATES = ("DuplicateJobSubmissionException", "DuplicateApplicationSubmissionException")


def run_jar_once(
    engine: EngineRest, cluster: Cluster, job: Job, jar: BinaryIO, size: int, *, keep: bool
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
