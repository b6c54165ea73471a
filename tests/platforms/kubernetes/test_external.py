"""Jobs on clusters that somebody else runs: what is made for them, and what is concluded of them."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from kubernetes_platform import AT, combinations, make_cluster, make_external, make_job, make_pod

from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.flink.jobs import FlinkJobs
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.engines.spark.conf import application_name
from dcluster_provider.platforms.kubernetes.cluster_access import as_seen_by, external_rest
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.flink import job_observer
from dcluster_provider.platforms.kubernetes.flink.job_observer import observe_without_jobmanager
from dcluster_provider.platforms.kubernetes.flink.jobs import JobManagerJobs
from dcluster_provider.platforms.kubernetes.job_observer import JobObserver
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.watch import Warnings
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark.job_observer import observe_on_external

SPARK, FLINK = make_external(), make_external(type="flink")
SUBMITTED = replace(make_job(SPARK), state=JobState.SUBMITTED)
REGISTERED = (
    "INFO StandaloneDriverEndpoint: Registered executor NettyRpcEndpointRef(spark-client://Executor)\n"
)
MASTER = "spark://reports.example.com:7077"
URL = "http://streams.example.com:8081"


def made(name: str) -> dict[str, dict]:
    return {each["kind"]: each for each in combinations()[name]}


def settings_in(secret: dict, file: str) -> str:
    return base64.b64decode(secret["data"][file]).decode()


def test_a_driver_is_told_of_the_masters_address_and_of_no_secret_of_ours():
    objects = made("job-spark-external")
    text = settings_in(objects["Secret"], "spark.properties")
    assert "spark.master=spark\\://reports.example.com\\:7077" in text.replace(" = ", "=")
    assert "spark.authenticate" not in text
    pod = objects["Job"]["spec"]["template"]["spec"]
    assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == [
        objects["Secret"]["metadata"]["name"]
    ]
    assert "secured.properties" not in str(pod)


def test_executors_reach_a_driver_from_anywhere_and_its_page_only_those_who_may():
    policy = made("job-spark-external-everything")["NetworkPolicy"]["spec"]
    executors, page = policy["ingress"]
    assert "from" not in executors
    text = settings_in(made("job-spark-external-everything")["Secret"], "spark.properties")
    assert all(str(port["port"]) in text for port in executors["ports"])
    assert page["from"] == [{"ipBlock": {"cidr": "10.0.0.0/16"}}]


def test_a_policy_is_of_one_jobs_pods_alone():
    objects = made("job-spark-external")
    wanted = objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert wanted.items() <= objects["Job"]["spec"]["template"]["metadata"]["labels"].items()
    assert wanted["dcluster.io/job-id"] == "11"


def test_a_client_is_told_of_the_address_and_of_nothing_that_the_cluster_decides():
    text = settings_in(made("job-flink-external")["Secret"], "config.yaml")
    assert '"rest.address": "streams.example.com"' in text
    assert '"rest.port": "8081"' in text
    assert '"python.executable": "/venv/bin/python"' in text
    assert '"python.client.executable": "python3"' in text
    for name in ("restart-strategy", "s3://bucket", "jobmanager.", "taskmanager.", "parallelism.default"):
        assert name not in text


@pytest.mark.parametrize("outside", [False, True])
def test_a_job_is_in_the_namespace_that_it_asks_for(outside):
    job = make_job(SPARK, use_external_namespace=outside)
    assert as_seen_by(job, SPARK).spec.use_external_namespace is outside
    ours = make_cluster()
    assert as_seen_by(job, ours) is ours


def test_it_is_asked_at_its_address_itself():
    assert external_rest(SPARK) == HttpRest("reports.example.com", 8080)
    assert external_rest(FLINK) == HttpRest("streams.example.com", 8081)


def pod(*, running: bool = True, exit_code: int = 0, ended: float = 0.0):
    """The pod of a driver or client that began at AT."""
    over = (AT + timedelta(seconds=ended)).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = None if running else {"exitCode": exit_code, "finishedAt": over}
    phase = "Running" if running else ("Failed" if exit_code else "Succeeded")
    return make_pod(SPARK, "driver", SUBMITTED, over=state, phase=phase)


def client(
    *pods, job=SUBMITTED, log: str = "", seconds: float = 30.0, found: dict | None = None
) -> ClientPod:
    now = AT + timedelta(seconds=seconds)
    return ClientPod(
        job, pods, "The driver", lambda: found, lambda _: (), lambda _: log, GracePeriods(300, 100), now
    )


@pytest.mark.parametrize(
    ("answer", "log", "seconds", "phase"),
    [
        (None, "", 30, JobPhase.PENDING),
        (None, REGISTERED, 30, JobPhase.RUNNING),
        (None, "", 300, JobPhase.RUNNING),  # it is at work on something
        ({"activeapps": []}, REGISTERED, 30, JobPhase.PENDING),  # the master knows better
        ("application", "", 30, JobPhase.RUNNING),
    ],
)
def test_a_driver_whose_master_does_not_answer_us_tells_itself_that_it_works(answer, log, seconds, phase):
    if answer == "application":
        # Its workers are as large as they are: nobody here refuses an executor.
        own = {"name": application_name(SUBMITTED), "id": "app-1", "cores": 1, "starttime": 0}
        answer = {"activeapps": [own | {"memoryperexecutor": 10**6, "state": "RUNNING"}]}
    seen = observe_on_external(client(pod(), log=log, seconds=seconds), MASTER, lambda: answer)
    assert seen.phase is phase


def test_a_large_executor_is_waited_for():
    waiting = {"name": application_name(SUBMITTED), "id": "app-1", "cores": 0, "memoryperexecutor": 10**6}
    seen = observe_on_external(
        client(pod()), MASTER, lambda: {"activeapps": [waiting | {"state": "WAITING"}]}
    )
    assert seen.phase is JobPhase.PENDING


@pytest.mark.parametrize(
    ("log", "reason"), [("ERROR: All masters are unresponsive! Giving up.", "MasterLost"), ("", "ExitCode")]
)
def test_a_driver_that_finds_no_master_says_so_long_before_it_ends(log, reason):
    own = pod(running=False, exit_code=1, ended=90)
    seen = observe_on_external(client(own, log=f"{log}\n" + "INFO\n" * 500), MASTER, lambda: None)
    assert seen.phase is JobPhase.FAILED
    assert seen.diagnosis is not None
    assert seen.diagnosis.code == reason
    assert (MASTER in seen.diagnosis.cause) is (reason == "MasterLost")


@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.RUNNING])
def test_a_jar_that_the_jobmanager_does_not_know_is_absent_for_its_pod_is_not_known(state):
    job = replace(make_job(FLINK, application="etl.jar"), state=state)
    seen = JobManagerJobs(FlinkJobs(HttpRest("127.0.0.1", 1), {}, URL), external=True).observe(job, None, "")
    assert seen is not None
    assert seen.phase is JobPhase.ABSENT


@pytest.mark.parametrize(
    ("exit_code", "seconds", "phase"),
    [
        (None, 600, None),
        (1, 30, None),
        (1, 600, JobPhase.FAILED),
        (0, 30, None),
        (0, 600, JobPhase.LOST),
    ],
)
def test_a_client_tells_what_it_can_when_its_jobmanager_does_not_answer_us(exit_code, seconds, phase):
    own = pod() if exit_code is None else pod(running=False, exit_code=exit_code, ended=5)
    seen = observe_without_jobmanager(client(own, seconds=seconds), URL, AT)
    assert (seen.phase if seen else None) is phase
    if phase is JobPhase.LOST:
        assert seen.diagnosis is not None
        assert URL in seen.diagnosis.cause


def test_a_jobmanager_that_falls_silent_long_after_a_client_ended_is_waited_for():
    own = pod(running=False, exit_code=0, ended=5)
    assert observe_without_jobmanager(client(own, seconds=600), URL, AT + timedelta(seconds=590)) is None
    seen = observe_without_jobmanager(client(own, seconds=600), URL, AT + timedelta(seconds=400))
    assert seen is not None
    assert seen.phase is JobPhase.LOST


@pytest.fixture
def looks(monkeypatch):
    """Look at a job on somebody else's JobManager, which lists some jobs or does not answer, after so many seconds."""
    looks = JobObserver(
        KubernetesSettings(), None, None, lambda cluster: (), {"default": Warnings(None, "default")}, None
    )

    def look(job, listed, seconds):
        answer = None if listed is None else FlinkJobs(HttpRest("127.0.0.1", 1), listed, URL)
        monkeypatch.setattr(FlinkJobs, "poll", lambda *_, **__: answer)
        monkeypatch.setattr(job_observer, "_now", lambda: AT + timedelta(seconds=seconds))
        return looks.observe([(job, FLINK)]).get(job.id)

    return look


def test_somebody_elses_jobmanager_that_restarts_has_its_jobs_again_after_a_while(looks):
    job = replace(make_job(FLINK, application="etl.jar"), state=JobState.RUNNING, started_at=AT)
    listed = {
        flink_job_id(job.key, job.generation): {
            "state": "RUNNING",
            "name": "etl",
            "tasks": {"total": 1, "running": 1, "finished": 0},
        }
    }
    assert looks(job, listed, 10).phase is JobPhase.RUNNING
    assert looks(job, None, 20) is None
    assert looks(job, {}, 30) is None
    assert looks(job, listed, 140).phase is JobPhase.RUNNING
    assert looks(job, {}, 200) is None
    assert looks(job, {}, 319) is None
    assert looks(job, {}, 320).phase is JobPhase.ABSENT


def test_a_jar_that_never_ran_is_absent_at_once(looks):
    job = replace(make_job(FLINK, application="etl.jar"), state=JobState.STOPPING)
    assert looks(job, {}, 10).phase is JobPhase.ABSENT


@pytest.mark.parametrize(("seconds", "phase"), [(30, None), (600, JobPhase.KILLED)])
def test_a_client_that_was_stopped_is_gone_after_a_while(seconds, phase):
    stopping = replace(SUBMITTED, state=JobState.STOPPING, state_since=AT)
    suspended = {"metadata": {}, "spec": {"suspend": True}, "status": {}}
    seen = observe_without_jobmanager(client(job=stopping, seconds=seconds, found=suspended), URL, AT)
    assert (seen.phase if seen else None) is phase
