"""What is asked of a JobManager for a jar, and what becomes of its answers; real ones run the jars in tests/live."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.jobs import run_jar_once
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer


class Answers:
    """A JobManager that answers by the beginning of the path."""

    def __init__(self, **answers):
        self.answers = {"upload": {"filename": "/tmp/flink/9_application.jar"}, "run": {}} | answers
        self.asked = []

    def request(self, method, path, *, body=None, headers=None, timeout=0.0):
        self.asked.append(f"{method} {path}")
        answer = self.answers.get(path.rsplit("/", 1)[-1], {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(engine, *, keep=True):
    cluster = make_cluster(type="flink")
    run_jar_once(engine, cluster, make_job(cluster, application="job.jar"), BytesIO(b"jar"), 3, keep=keep)


def refusal(text):
    return ErrorResponse(500, json.dumps({"errors": ["Internal server error.", text]}))


def test_a_jar_stays_with_a_jobmanager_that_takes_it_along():
    engine = Answers()
    run(engine)
    assert engine.asked == ["POST /jars/upload", "POST /jars/9_application.jar/run"]


@pytest.mark.parametrize("answer", [{}, refusal("DuplicateJobSubmissionException: it was submitted")])
def test_a_jar_is_removed_from_a_jobmanager_that_stays(answer):
    engine = Answers(run=answer)
    run(engine, keep=False)
    assert engine.asked[2:] == ["DELETE /jars/9_application.jar"]


def test_a_jar_that_ran_before_runs_once():
    engine = Answers(run=refusal("org.apache.flink.DuplicateApplicationSubmissionException: again"))
    run(engine)
    assert not any("cancel" in asked for asked in engine.asked)


def test_what_a_jar_that_failed_has_started_is_cancelled():
    engine = Answers(run=refusal("java.lang.IllegalStateException: no input"))
    with pytest.raises(PlatformRefused, match="no input"):
        run(engine, keep=False)
    assert engine.asked[2] == "DELETE /jars/9_application.jar"
    assert engine.asked[3].startswith("PATCH /jobs/")


def test_a_jar_that_is_not_taken_is_refused_with_the_reason():
    with pytest.raises(PlatformRefused, match="No space left on device"):
        run(Answers(upload=refusal("java.io.IOException: No space left on device")), keep=False)


def test_a_jar_whose_main_method_may_be_running_is_left_to_it():
    engine = Answers(run=NoAnswer("timed out"))
    with pytest.raises(PlatformUnavailable, match="does not answer: timed out"):
        run(engine, keep=False)
    assert len(engine.asked) == 2


def test_what_flink_says_of_a_failure_can_be_written_whatever_it_is():
    half = "order \ud800 has no amount"
    engine = Answers(exceptions={"root-exception": half})
    assert flink_rest.root_exception(engine, "7").encode() == b"order ? has no amount"
    assert flink_rest.refusal_text(refusal(half)).splitlines()[1].encode() == b"order ? has no amount"
