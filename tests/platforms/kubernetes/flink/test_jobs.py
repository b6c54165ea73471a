"""What is concluded when a JobManager does not know a job that it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.flink.conf import unique_name
from dcluster_provider.engines.flink.jobs import FlinkJobs
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.flink.jobs import JobManagerJobs, submitted_ids
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.pod import read_pod

NOBODY = HttpRest("127.0.0.1", 1)  # an empty overview is all that was answered
CLUSTER = make_cluster(type="flink")
JAR = make_job(CLUSTER, application="etl.jar")
LONG, SHORT, BEFORE = (
    600,
    5,
    3600,
)  # seconds ago: a JobManager's start; the job's comes between the first and the last


def ago(seconds: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


def seconds(moment: datetime) -> str:
    """As Kubernetes writes a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def jobmanager(started_ago: float | None, *, in_place: bool = False):
    """Its pod; none while another is made.

    :param in_place: it was restarted in a pod that is older than anything.
    """
    if started_ago is None:
        return None
    began = seconds(ago(started_ago))
    status = {"name": "engine", "state": {"running": {"startedAt": began}}, "ready": True}
    if in_place:
        status["restartCount"] = 1
        status["lastState"] = {"terminated": {"exitCode": 137, "finishedAt": began}}
    return read_pod(
        {
            "metadata": {
                "name": "master",
                "labels": {"dcluster.io/role": "master"},
                "creationTimestamp": seconds(ago(2 * BEFORE)) if in_place else began,
            },
            "spec": {"containers": [{"name": "engine", "image": "flink:2.3.0"}]},
            "status": {"phase": "Running", "containerStatuses": [status]},
        }
    )


def concluded(
    job, started_ago: float | None, *, highly_available: bool, in_place: bool = False
) -> JobPhase | None:
    known = JobManagerJobs(
        FlinkJobs(NOBODY, {}), jobmanager(started_ago, in_place=in_place), highly_available
    )
    seen = known.observe(job, None, "")
    return seen.phase if seen else None


@pytest.mark.parametrize(("state", "told"), [("RUNNING", False), ("RESTARTING", True), ("FAILING", True)])
def test_a_job_that_is_being_restarted_says_so(state, told):
    known = JobManagerJobs(FlinkJobs(NOBODY, {"1": entry(state)}), jobmanager(BEFORE))
    found = known.why_restarting(sql_job())
    assert (found is not None and found.code == "JobRestarts") is told


@pytest.mark.parametrize(
    ("started_ago", "keeps_nothing", "keeps_jobs"),
    [
        (None, None, None),  # the one that answered is about to end
        (SHORT, JobPhase.LOST, None),  # it restarted, and may be about to go on with the job
        (LONG, JobPhase.LOST, JobPhase.LOST),  # it had time enough
        (BEFORE, JobPhase.ABSENT, None),  # the one that had the job forgets it only as it ends
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.RUNNING, JobState.STOPPING])
def test_a_job_is_lost_only_when_its_jobmanager_has_it_no_more(
    started_ago, keeps_nothing, keeps_jobs, state, in_place
):
    started_at = None if state is JobState.SUBMITTED else ago(1800)
    # What began since the restart (a stop, say) does not make the JobManager an older one.
    job = replace(JAR, state=state, started_at=started_at, state_since=ago(1800 if not started_at else 1))
    assert concluded(job, started_ago, highly_available=False, in_place=in_place) is keeps_nothing
    assert concluded(job, started_ago, highly_available=True, in_place=in_place) is keeps_jobs


def test_a_jobmanager_replaced_within_the_second_in_which_a_job_was_seen_running_has_lost_it():
    job = replace(JAR, state=JobState.RUNNING, started_at=ago(LONG).replace(microsecond=900_000))
    pod = replace(jobmanager(LONG), created_at=job.started_at.replace(microsecond=0))
    seen = JobManagerJobs(FlinkJobs(NOBODY, {}), pod).observe(job, None, "")
    assert seen is not None
    assert seen.phase is JobPhase.LOST


def client_that_ended(began: datetime, exit_code: int = 1, ended: datetime | None = None) -> ClientPod:
    """The client of a SQL file, whose process has ended."""
    terminated = {
        "exitCode": exit_code,
        "startedAt": seconds(began),
        "finishedAt": seconds(ended or began),
    }
    pod = read_pod(
        {
            "metadata": {
                "name": "client",
                "labels": {"dcluster.io/role": "client", "dcluster.io/job-id": str(JAR.id)},
                "creationTimestamp": seconds(began),
            },
            "spec": {"containers": [{"name": "engine", "image": "flink:2.3.0"}]},
            "status": {
                "phase": "Failed" if exit_code else "Succeeded",
                "containerStatuses": [{"name": "engine", "state": {"terminated": terminated}}],
            },
        }
    )
    now = datetime.now(timezone.utc)
    return ClientPod(JAR, [pod], "The client", dict, lambda _: (), lambda _: "", GracePeriods(60, 60), now)


@pytest.mark.parametrize(
    ("after", "phase"), [(-1, JobPhase.FAILED), (0, JobPhase.FAILED), (5, JobPhase.LOST)]
)
def test_a_client_that_failed_beside_its_first_jobmanager_failed_by_itself(after, phase):
    began = ago(60).replace(microsecond=0)
    pod = replace(
        jobmanager(50), created_at=began + timedelta(seconds=after)
    )  # its process began later still
    job = replace(JAR, state=JobState.SUBMITTED, started_at=None, state_since=ago(90))
    seen = JobManagerJobs(FlinkJobs(NOBODY, {}), pod).observe(job, client_that_ended(began), "")
    assert seen is not None
    assert seen.phase is phase


SQL = make_job(CLUSTER, application="etl.sql")


def sql_job(**fields):
    """The SQL file, at work for half an hour by the clock of the test that asks."""
    return replace(SQL, **{"state": JobState.RUNNING, "started_at": ago(1800)} | fields)


def ended_well(
    job,
    started_ago: float | None,
    *,
    ended: datetime,
    highly_available: bool = False,
    external: bool = False,
) -> JobPhase | None:
    """What is concluded of a client that ended well half an hour after it began, when no Flink job of it is known."""
    client = client_that_ended(ended - timedelta(seconds=1800), 0, ended)
    pod = None if external else jobmanager(started_ago)
    known = JobManagerJobs(FlinkJobs(NOBODY, {}), pod, highly_available, external)
    seen = known.observe(job, client, "")
    return seen.phase if seen else None


@pytest.mark.parametrize(
    ("started_ago", "keeps_nothing", "keeps_jobs"),
    [
        (None, None, None),
        (SHORT, JobPhase.LOST, None),
        (LONG, JobPhase.LOST, JobPhase.LOST),
        (BEFORE, JobPhase.LOST, None),  # it forgets it only as it ends
    ],
)
def test_what_a_client_has_left_to_a_jobmanager_is_lost_with_that(started_ago, keeps_nothing, keeps_jobs):
    job, ended = sql_job(ui_url="http://page/#/job/1"), ago(1700)
    assert ended_well(job, started_ago, ended=ended) is keeps_nothing
    assert ended_well(job, started_ago, ended=ended, highly_available=True) is keeps_jobs


def test_what_was_not_seen_before_its_jobmanager_restarted_is_lost_too():
    unseen = sql_job(state=JobState.SUBMITTED, started_at=None)
    assert ended_well(unseen, LONG, ended=ago(1)) is JobPhase.LOST


@pytest.mark.parametrize("highly_available", [False, True])
@pytest.mark.parametrize(("page", "ended_ago"), [("", 1), ("", 1700), ("http://page/#/job/1", 1)])
def test_a_client_that_left_nothing_behind_has_done_its_work(highly_available, page, ended_ago):
    """It submitted nothing, or waited for what it submitted longer than the JobManager tells of that."""
    job = sql_job(ui_url=page)
    seen = ended_well(job, BEFORE, ended=ago(ended_ago), highly_available=highly_available)
    assert seen is JobPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("page", "ended_ago", "phase"),
    [
        ("http://page/#/job/1", 1700, JobPhase.LOST),
        ("http://page/#/job/1", 1, JobPhase.SUCCEEDED),
        ("", 1700, JobPhase.SUCCEEDED),
    ],
)
def test_a_jobmanager_of_others_that_knows_no_more_of_what_was_left_to_it_has_lost_it(page, ended_ago, phase):
    assert ended_well(sql_job(ui_url=page), None, ended=ago(ended_ago), external=True) is phase


def client_that_is_gone(job) -> ClientPod:
    """The client of a SQL file, whose Kubernetes Job was removed."""
    now = datetime.now(timezone.utc)
    return ClientPod(
        job, [], "The client", lambda: None, lambda _: (), lambda _: "", GracePeriods(60, 60), now
    )


def entry(state: str) -> dict:
    """What a JobManager says of a Flink job of SQL."""
    return {
        "name": unique_name(SQL),
        "state": state,
        "tasks": {"total": 1, "running": int(state == "RUNNING"), "finished": int(state == "FINISHED")},
    }


@pytest.mark.parametrize(
    ("states", "phase"),
    [
        (["RUNNING"], JobPhase.RUNNING),
        (["FINISHED", "RESTARTING"], JobPhase.RUNNING),
        (["FINISHED", "FINISHED"], JobPhase.SUCCEEDED),
        (["FINISHED", "FAILED"], JobPhase.FAILED),
        (["CANCELED", "FINISHED"], JobPhase.KILLED),
    ],
)
@pytest.mark.parametrize("highly_available", [False, True])
def test_what_a_client_has_left_behind_tells_of_the_job_when_the_client_is_removed(
    states, phase, highly_available
):
    overview = {str(number): entry(state) for number, state in enumerate(states)}
    known = JobManagerJobs(FlinkJobs(NOBODY, overview), jobmanager(BEFORE), highly_available)
    seen = known.observe(sql_job(), client_that_is_gone(SQL), "")
    assert seen is not None
    assert seen.phase is phase


@pytest.mark.parametrize(
    ("started_ago", "keeps_nothing", "keeps_jobs"),
    [
        (None, None, None),
        (SHORT, JobPhase.LOST, None),
        (LONG, JobPhase.LOST, JobPhase.LOST),
        (BEFORE, JobPhase.LOST, None),
    ],
)
def test_a_job_may_come_back_with_its_jobmanager_after_its_client_was_removed(
    started_ago, keeps_nothing, keeps_jobs
):
    job = sql_job(ui_url="http://page/#/job/1")
    for highly_available, phase in ((False, keeps_nothing), (True, keeps_jobs)):
        known = JobManagerJobs(FlinkJobs(NOBODY, {}), jobmanager(started_ago), highly_available)
        seen = known.observe(job, client_that_is_gone(job), "")
        assert (seen.phase if seen else None) is phase


@pytest.mark.parametrize("name", [{}, {"pipeline.name": "nightly"}, {"pipeline.name": ""}])
def test_a_job_has_the_flink_jobs_of_its_own_number_alone(name):
    today = make_job(CLUSTER, application="etl.sql", extra_cmd=name)
    yesterday = replace(today, id=today.id - 1, key="0" * 32)
    given = name.get("pipeline.name") or "team/etl"
    names = {"1": unique_name(today), "2": unique_name(yesterday), "3": given, "4": unique_name(today)}
    assert names["1"] == f"{given} #11"
    own = flink_job_id(today.key, 1)
    overview = {job_id: entry("FINISHED") | {"name": it} for job_id, it in (names | {own: "its own"}).items()}
    assert submitted_ids(FlinkJobs(NOBODY, overview), today) == ["1", "4", own]


def test_a_jar_has_the_flink_job_of_its_id_alone():
    jar = make_job(CLUSTER, application="etl.jar", extra_cmd={"pipeline.name": "nightly"})
    own = flink_job_id(jar.key, 1)
    names = {"1": "nightly", "2": unique_name(jar), own: "nightly"}
    overview = {job_id: entry("RUNNING") | {"name": name} for job_id, name in names.items()}
    assert submitted_ids(FlinkJobs(NOBODY, overview), jar) == [own]


@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.STOPPING])
def test_a_client_that_was_removed_before_it_was_at_work_is_absent(state):
    job = sql_job(state=state, started_at=None)
    seen = JobManagerJobs(FlinkJobs(NOBODY, {}), None).observe(job, client_that_is_gone(job), "")
    assert seen is not None
    assert seen.phase is JobPhase.ABSENT


@pytest.mark.parametrize("highly_available", [False, True])
def test_a_job_that_was_stopped_before_it_started_need_not_be_known(highly_available):
    stopped = replace(JAR, state=JobState.STOPPING, started_at=None, state_since=ago(1))
    assert concluded(stopped, SHORT, highly_available=highly_available) is JobPhase.ABSENT
