from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from kubernetes_platform import AT, make_cluster, make_job, make_pod

from dcluster_provider.core.diagnosis import Diagnosis, JobCode, ProcessCode
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.spark.conf import Worker, application_name
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.observations import ClientPod, verdict_annotation
from dcluster_provider.platforms.kubernetes.pods.pod import Container
from dcluster_provider.platforms.kubernetes.spark.jobs import (
    observe_on_standalone,
    observe_with_own_executors,
)

CLUSTER = make_cluster()
JOB = replace(make_job(CLUSTER), state=JobState.RUNNING)
WORKER = Worker(cores=1, mib=1024)
LOG = "INFO StandaloneSchedulerBackend: Connected to Spark cluster with app ID app-7-0001\n"


def _pod(role, **more):
    return make_pod(CLUSTER, role, JOB, **more)


def _beside(pod, phase, **sidecar):
    """The pod with a container beside the engine's."""
    return replace(pod, phase=phase, containers=(*pod.containers, Container("proxy", False, "i", **sidecar)))


@pytest.mark.parametrize(
    ("code", "phase", "sidecar", "expected"),
    [
        (0, "Running", {"running_since": AT}, JobPhase.SUCCEEDED),
        (0, "Failed", {"exit_code": 143}, JobPhase.SUCCEEDED),
        (3, "Running", {"running_since": AT}, JobPhase.FAILED),
        (None, "Running", {"exit_code": 1}, JobPhase.RUNNING),
    ],
)
def test_a_job_is_judged_by_the_container_of_its_engine(code, phase, sidecar, expected):
    over = None if code is None else {"exitCode": code, "reason": "Error" if code else "Completed"}
    pod = _beside(_pod("driver", over=over), phase, **sidecar)
    seen = observe_with_own_executors(_client([pod]))
    assert (seen.phase, seen.exit_code) == (expected, code)
    if expected is JobPhase.FAILED:
        assert seen.diagnosis.code == "ExitCode"


def test_a_pod_that_was_ended_for_an_outcome_does_not_decide_another():
    judged = JobObservation(JobPhase.SUCCEEDED, diagnosis=Diagnosis(JobCode.MAIN_ENDED, "C.", "D."))
    found = {"metadata": {"annotations": {"dcluster.io/verdict": verdict_annotation(judged)}}, "spec": {}}
    over = {"exitCode": 143, "reason": "Error"}
    ended = replace(_client([_pod("driver", over=over, gone_by=30)]), find_job=lambda: found)
    assert observe_with_own_executors(ended) == judged
    stopped = replace(ended, find_job=lambda: None)
    assert observe_with_own_executors(stopped).phase is JobPhase.FAILED


def test_an_engine_that_ends_well_because_its_pod_is_evicted_has_not_succeeded():
    pod = replace(_pod("driver", over={"exitCode": 0}, phase="Failed"), reason="Evicted")
    seen = observe_with_own_executors(_client([pod]))
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "Evicted")


def test_what_was_judged_of_a_pod_that_was_ended_for_it_is_told_when_that_is_gone():
    succeeded = JobObservation(JobPhase.SUCCEEDED, exit_code=0)
    failed = JobObservation(
        JobPhase.FAILED, exit_code=3, diagnosis=Diagnosis(ProcessCode.EXIT_CODE, "C.", "D.", ("e",))
    )
    for judged in (succeeded, failed):
        found = {
            "metadata": {"annotations": {"dcluster.io/verdict": verdict_annotation(judged)}},
            "spec": {"suspend": True},
        }
        assert replace(_client([]), find_job=lambda found=found: found).observe() == judged


def test_a_job_that_kueue_holds_by_itself_waits_and_one_that_is_stopped_ends():
    held = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "default"}}, "spec": {"suspend": True}}
    client = replace(_client([]), find_job=lambda: held)
    seen = client.observe()
    assert (seen.phase, seen.hint.code) == (JobPhase.PENDING, "Queued")
    stopped = replace(client, job=replace(JOB, state=JobState.STOPPING))
    assert stopped.observe().phase is JobPhase.KILLED


def _client(pods, job=JOB, log=LOG, seconds=100.0):
    def log_head(_pod):
        return log

    now = AT + timedelta(seconds=seconds)
    return ClientPod(
        job, pods, "The driver", lambda: None, lambda _: (), log_head, GracePeriods(300, 100), now
    )


def _answer(**applications):
    """A master's account of applications by id, each with its name, memory and cores."""
    active = [
        {
            "id": number.replace("_", "-"),
            "name": name,
            "memoryperexecutor": mib,
            "cores": cores,
            "state": "WAITING",
            "starttime": int(AT.timestamp() * 1000),
        }
        for number, (name, mib, cores) in applications.items()
    ]
    return {"activeapps": active}


@pytest.mark.parametrize(
    ("master_began", "answer", "phase"),
    [
        (-10, _answer(), JobPhase.RUNNING),
        (50, _answer(), JobPhase.FAILED),
        (50, None, JobPhase.RUNNING),
        (50, _answer(app_7_0001=(application_name(JOB), 512, 1)), JobPhase.RUNNING),
        (50, _answer(app_7_0001=("a name of its own", 512, 1)), JobPhase.RUNNING),
        (50, _answer(app_7_0002=("somebody else's", 512, 1)), JobPhase.FAILED),
    ],
)
def test_a_job_is_lost_with_a_master_that_was_started_after_it_and_does_not_know_it(
    master_began, answer, phase
):
    client, master = _client([_pod("driver")]), _pod("master", began=master_began)
    seen = observe_on_standalone(client, WORKER, master, lambda: answer)
    assert seen.phase is phase
    assert (seen.diagnosis is not None and seen.diagnosis.code == "MasterRestarted") is (
        phase is JobPhase.FAILED
    )


def test_an_application_with_a_name_of_its_own_is_found_by_the_id_in_the_drivers_log():
    submitted = replace(JOB, state=JobState.SUBMITTED)
    answer = _answer(app_7_0001=("a name of its own", 65536, 0))
    seen = observe_on_standalone(_client([_pod("driver")], submitted), WORKER, None, lambda: answer)
    assert seen.diagnosis is not None
    assert seen.diagnosis.code == "ExecutorTooLarge"
    waiting = observe_on_standalone(
        _client([_pod("driver")], submitted, "", 10), WORKER, None, lambda: answer
    )
    assert waiting.phase is JobPhase.PENDING


FAILED = {"exitCode": 1, "finishedAt": "2026-01-31T10:00:50Z", "message": "java.io.EOFException"}


def test_what_an_executor_was_killed_for_is_waited_for_and_told_of_its_driver():
    driver, executor = _pod("driver", over=FAILED, phase="Failed"), _pod("executor")
    assert observe_with_own_executors(_client([driver, executor], seconds=55)).phase is JobPhase.RUNNING
    late = observe_with_own_executors(_client([driver, executor], seconds=70))
    assert late.diagnosis is not None
    assert late.diagnosis.code == "JavaException"
    killed = _pod("executor", over={"exitCode": 0, "reason": "OOMKilled"}, phase="Succeeded")
    seen = observe_with_own_executors(_client([driver, killed], seconds=55))
    assert seen.diagnosis is not None
    assert seen.diagnosis.code == "OOMKilled"
    assert "An executor" in seen.diagnosis.cause


@pytest.mark.parametrize(
    ("gone_by", "phase"), [(None, JobPhase.RUNNING), (50, JobPhase.RUNNING), (30, JobPhase.LOST)]
)
def test_a_driver_that_its_node_keeps_beyond_its_time_is_lost(gone_by, phase):
    client = _client([_pod("driver", gone_by=gone_by)])
    for seen in (
        observe_with_own_executors(client),
        observe_on_standalone(client, WORKER, None, lambda: None),
    ):
        assert seen.phase is phase
        if phase is JobPhase.LOST:
            assert seen.diagnosis.code == "NodeLost"
            assert "had to be gone by 10:00:30 UTC, and its node n does not answer" in seen.diagnosis.cause
            assert "kubectl describe node n" in seen.diagnosis.remedy


GRANTED = (
    LOG + "INFO StandaloneSchedulerBackend: Granted executor ID app-7-0001/0 on hostPort 10.0.0.9:7078\n"
)
ENDS = "".join(
    f"INFO ClientEndpoint: Executor added: app-7-0001/{number} on worker-1-10.0.0.9-7078 (10.0.0.9)\n"
    f"INFO StandaloneSchedulerBackend: Executor app-7-0001/{number} removed: Command exited with code 1\n"
    for number in range(10)
)
PAGE = (
    "==== Bytes 0-9 of 9 of /stderr ====\nSpark Executor Command: java\n"
    + "=" * 40
    + "\nUnrecognized option: -no\n"
)


@pytest.mark.parametrize(
    ("log", "seconds", "phase"),
    [
        (LOG, 1, JobPhase.PENDING),  # the driver has not told yet of what its master has given it
        (LOG, 60, JobPhase.RUNNING),  # at a level of logging that tells of no executors
        (GRANTED, 10, JobPhase.PENDING),
        (GRANTED, 1900, JobPhase.RUNNING),  # at such a level since the program has begun
        (
            GRANTED + "printed\n" * 26_000,
            10,
            JobPhase.RUNNING,
        ),  # the line may be far down in what the application prints
        (GRANTED + "INFO Registered executor NettyRpcEndpointRef\n" + ENDS, 10, JobPhase.RUNNING),
        (GRANTED + ENDS, 10, JobPhase.FAILED),
    ],
)
def test_a_job_works_once_an_executor_has_come(log, seconds, phase):
    job = replace(JOB, state=JobState.SUBMITTED)
    client = _client([_pod("driver")], job, log, seconds)
    answer = _answer(app_7_0001=(application_name(JOB), 512, 1))
    pages = []
    seen = observe_on_standalone(
        client, WORKER, None, lambda: answer, lambda path: pages.append(path) or PAGE
    )
    assert seen.phase is phase
    if phase is JobPhase.FAILED:
        assert "Unrecognized option: -no" in seen.diagnosis.evidence
        page = "/proxy/worker-1-10.0.0.9-7078/log/?appId=app-7-0001&executorId=9&byteLength=65536&logType="
        assert pages == [f"{page}stderr", f"{page}stdout"]
    else:
        assert pages == []


def test_why_a_driver_failed_is_looked_for_in_its_whole_log():
    driver = _pod("driver", over=FAILED, phase="Failed")
    client = replace(_client([driver]), log_end=lambda pod: [f"ValueError: read of {pod.name}"])
    assert client.observe().diagnosis.evidence == ("exit code 1", "ValueError: read of driver")
