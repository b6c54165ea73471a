"""A driver that outlives its Spark application: told of after a while, ended when the specification says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from local_platform import NOW, make_cluster, make_job

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ApplicationEnd, JobObservation, JobPhase
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.core.spec import parse
from dcluster_provider.core.state import advance_job
from dcluster_provider.engines.spark.main_end import after_stop, judge_main_end

STOPPED = "26/11/29 21:16:39 INFO SparkContext: Successfully stopped SparkContext"
TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "etl.py", line 9, in <module>',
    "ValueError: no rows",
)


def job(timeout: int | None = 60, state: JobState = JobState.RUNNING) -> Job:
    return replace(
        make_job(make_cluster()),
        state=state,
        spec=JobSpec(client="a", module="b", main_ended_timeout=timeout),
    )


def ended(seconds: float = 0, words: tuple[str, ...] | None = (), **more) -> JobObservation:
    end = ApplicationEnd(NOW - timedelta(seconds=seconds), words=words, **more)
    return JobObservation(JobPhase.RUNNING, "http://ui", application_end=end)


def test_it_is_told_of_after_a_moment_and_ended_after_its_timeout():
    found = [judge_main_end(job(), ended(seconds), NOW) for seconds in (14, 15, 59, 60)]
    assert [it.phase for it in found] == [JobPhase.RUNNING] * 3 + [JobPhase.SUCCEEDED]
    assert [it.hint and it.hint.code for it in found] == [None, "MainEnded", "MainEnded", None]
    assert "it is ended 60 s after its application (mainEndedTimeout)" in found[1].hint.remedy


def test_without_a_timeout_it_goes_on():
    seen = judge_main_end(job(None), ended(10**6, dump_command="pkill driver"), NOW)
    assert (seen.phase, seen.hint.code) == (JobPhase.RUNNING, "MainEnded")
    assert "set mainEndedTimeout" in seen.hint.remedy
    assert "in its log: pkill driver" in seen.hint.remedy


@pytest.mark.parametrize(
    ("words", "finished", "state", "reason"),
    [
        ((), True, JobState.SUCCEEDED, "MainEnded"),
        (("heartbeat", "INFO ShutdownHookManager: x"), True, JobState.SUCCEEDED, "MainEnded"),
        (("Exception in thread Thread-3 (beat):", *TRACEBACK), True, JobState.SUCCEEDED, "MainEnded"),
        (TRACEBACK, True, JobState.FAILED, "PythonException"),
        (
            (
                'Exception in thread "main" java.lang.IllegalStateException: no rows',
                "\tat a.B.main(B.java:3)",
            ),
            True,
            JobState.FAILED,
            "JavaException",
        ),
        # A master counts the application of a driver that it has lost as finished, too.
        (None, True, JobState.FAILED, "MainEnded"),
        ((), False, JobState.FAILED, "MainEnded"),
    ],
)
def test_its_outcome_is_what_the_program_has_shown(words, finished, state, reason):
    seen = judge_main_end(job(), ended(60, words, is_finished=finished), NOW)
    after = advance_job(job(), seen, NOW)
    assert (after.state, after.diagnosis.code) == (state, reason)
    assert "60 s (mainEndedTimeout)" in after.diagnosis.cause


def test_one_that_is_being_stopped_or_has_ended_is_left_alone():
    assert judge_main_end(job(state=JobState.STOPPING), ended(60), NOW) == ended(60)
    over = replace(ended(60), phase=JobPhase.FAILED)
    assert judge_main_end(job(), over, NOW) == over


def test_what_was_logged_after_the_last_stop():
    assert after_stop(["a", STOPPED, "b", STOPPED, "c"]) == ["c"]
    assert after_stop(["a"]) is None
    assert after_stop([STOPPED, "INFO SparkContext: Running Spark version 3.5.9"]) is None


def test_the_timeout_is_seconds_or_a_timedelta_and_sparks():
    spec = parse(JobSpec, {"client": "a", "module": "b", "mainEndedTimeout": timedelta(minutes=2)})
    assert spec.main_ended_timeout == 120
    with pytest.raises(InvalidSpec, match="field mainEndedTimeout: only Spark has drivers"):
        parse(JobSpec, {"client": "a", "module": "b", "jobType": "flink", "mainEndedTimeout": 5})
