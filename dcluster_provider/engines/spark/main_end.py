"""Drivers that keep running after their Spark application has ended: when that is reported, and when it ends the job.

A thread that is not a daemon keeps a process alive after its main has ended, without limit. There will be no exit code,
so the outcome is what the program itself has shown: it succeeded when it stopped its own application and nothing shows
that its main failed after that; everything else is a failure. An application that ended by itself is no proof: a master
also counts one as finished whose driver it has lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.observation import ApplicationEnd, JobObservation, JobPhase
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.engines.evidence import explain_exit

_REPORTED_AFTER = timedelta(seconds=15)  # a driver may take a moment to end, or to begin its next application
_STOPPED = "Successfully stopped SparkContext"
_BEGUN = "SparkContext: Running Spark version "
_TRACEBACK = "Traceback (most recent call last):"
_IN_THREAD = "Exception in thread "
_IN_MAIN = f'{_IN_THREAD}"main" '


def judge_main_end(job: Job, observed: JobObservation, now: datetime) -> JobObservation:
    """The observation of a job, with the consequences of an ended application whose driver keeps running.

    :returns: the observation with a final phase once the job's ``mainEndedTimeout`` has passed, counted from the end of
        the application by the engine's own time: every process that polls comes to the same result.
    """
    ended = observed.application_end
    if ended is None or observed.phase is not JobPhase.RUNNING or job.state is JobState.STOPPING:
        return observed
    since, timeout = now - ended.at, job.spec.main_ended_timeout
    if timeout is not None and since >= timedelta(seconds=timeout):
        return _outcome(observed, ended, timeout)
    if since >= _REPORTED_AFTER and observed.hint is None:
        return replace(observed, hint=_hint(ended, timeout))
    return observed


def after_stop(lines: Sequence[str]) -> Sequence[str] | None:
    """What a driver logged after it stopped its application; None without such a stop, or when another one started.

    :param lines: the end of its log, oldest first.
    """
    found = [number for number, line in enumerate(lines) if _STOPPED in line]
    words = lines[found[-1] + 1 :] if found else None
    return None if words is None or has_begun(words) else words


def has_begun(lines: Sequence[str]) -> bool:
    """Whether the log shows the start of an application."""
    return any(_BEGUN in line for line in lines)


def _outcome(observed: JobObservation, ended: ApplicationEnd, timeout: int) -> JobObservation:
    kept = f"its driver went on for {timeout} s (mainEndedTimeout), so it was ended."
    if ended.words is None or not ended.is_finished:
        diagnosis = Diagnosis(
            JobCode.MAIN_ENDED,
            f"The job's Spark application has ended, and {kept} That the program ended the application itself is not "
            "in its log, so it counts as failed.",
            "Read the job's log, and check its output before it runs again. A log level below INFO, and a driver that "
            "its master has lost, look the same.",
            ended.evidence,
        )
        return replace(observed, phase=JobPhase.FAILED, diagnosis=diagnosis, hint=None)
    failure = _failure_of_main(ended.words)
    if failure:
        found = explain_exit("The driver", None, failure)
        diagnosis = replace(found, cause=f"{found.cause} After that, {kept}")
        return replace(observed, phase=JobPhase.FAILED, diagnosis=diagnosis, hint=None)
    diagnosis = Diagnosis(
        JobCode.MAIN_ENDED,
        f"The program stopped its Spark application, and {kept} A thread that is no daemon kept it.",
        "Make such threads daemons, or end the program with sys.exit (System.exit) once they are done.",
        ended.evidence,
    )
    return replace(observed, phase=JobPhase.SUCCEEDED, diagnosis=diagnosis, hint=None)


def _hint(ended: ApplicationEnd, timeout: int | None) -> Diagnosis:
    limit = (
        "set mainEndedTimeout to have such a driver ended."
        if timeout is None
        else f"it is ended {timeout} s after its application (mainEndedTimeout)."
    )
    return Diagnosis(
        JobCode.MAIN_ENDED,
        "The job's Spark application has ended, and its driver goes on: a thread that is no daemon, or something after "
        "spark.stop(), keeps it.",
        "Make such threads daemons, or end the program with sys.exit (System.exit); stop the job if its work is done, "
        f"or {limit} To see its threads in its log: {ended.dump_command}",
        ended.evidence,
    )


def _failure_of_main(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines in which the main thread reports its failure; empty without one.

    Python and Java print it when main ends, before they wait for other threads, whose own failures decide nothing.
    """
    for number, line in enumerate(lines):
        of_thread = number > 0 and lines[number - 1].startswith(_IN_THREAD)
        if line.startswith(_IN_MAIN) or (line.startswith(_TRACEBACK) and not of_thread):
            return lines[number:]
    return ()
