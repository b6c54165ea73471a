from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from hanging import HANG_SECONDS
from pydantic.alias_generators import to_camel
from result_lines import result_lines

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import (
    ClusterFailed,
    DuplicateJob,
    InvalidSpec,
    JobFailed,
    NotFound,
    PlatformUnavailable,
    WaitTimeout,
)
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ApplicationEnd, ClusterObservation, ClusterPhase, JobPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.engines.spark.main_end import judge_main_end
from dcluster_provider.platforms.kubernetes.diagnosis.ending import EndCode

OWNER = Owner("airflow", "dag", "run", "task")
SPEC = {"client": "team", "module": "etl", "application": "etl.py"}


@pytest.fixture
def cluster(control):
    return control.clusters.launch({"tenant": "team"})


def on(cluster, **more):
    return SPEC | {"clusterId": cluster.id} | more


def test_a_job_that_names_a_cluster_runs_on_the_release_that_it_asks_for(control):
    four = control.clusters.launch({"tenant": "team", "type": "spark4", "engineVersion": "4.1.4"})
    assert control.jobs.submit(on(four, jobType="spark4", engineVersion="4.1")).cluster_id == four.id
    with pytest.raises(
        InvalidSpec, match=r"field engineVersion: '4.0' does not run on cluster .*, which runs '4.1.4'"
    ):
        control.jobs.submit(on(four, jobType="spark4", engineVersion="4.0", module="other"))


def test_the_own_cluster_of_a_job_is_of_the_release_that_it_asks_for(control):
    job = control.jobs.submit(SPEC | {"jobType": "spark4", "engineVersion": "4.2"})
    own = control.clusters.get(job.cluster_id)
    assert (own.type, own.spec.engine_version) == ("spark4", "4.2")


def test_a_job_waits_for_its_cluster_and_starts_once_it_runs(control, platform, cluster):
    platform.set_cluster(cluster, ClusterPhase.STARTING)
    job = control.jobs.submit(on(cluster))
    assert (job.state, platform.started) == (JobState.REQUESTED, [])
    platform.set_cluster(cluster, ClusterPhase.READY, workers=1)
    assert control.jobs.observe([job.id])[job.id].state is JobState.SUBMITTED
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING
    assert platform.started == ["etl"]


def test_a_retry_adopts_a_live_job_and_takes_a_success_as_its_answer(control, platform, cluster):
    job = control.jobs.submit(on(cluster), owner=OWNER)
    assert control.jobs.submit(on(cluster), owner=OWNER).id == job.id
    platform.set_job(job, JobPhase.SUCCEEDED, exit_code=0)
    again = control.jobs.submit(on(cluster), owner=OWNER)
    assert (again.id, again.state, platform.started) == (job.id, JobState.SUCCEEDED, ["etl"])


def test_a_retry_runs_a_failed_job_again_and_a_lost_one_not(control, platform, cluster):
    job = control.jobs.submit(on(cluster), owner=OWNER)
    platform.set_job(job, JobPhase.FAILED, exit_code=1)
    assert control.jobs.observe([job.id])[job.id].state is JobState.FAILED
    second = control.jobs.submit(on(cluster), owner=OWNER)
    assert second.generation == 2
    platform.set_job(second, JobPhase.LOST)
    assert control.jobs.submit(on(cluster), owner=OWNER).state is JobState.UNKNOWN
    assert len(platform.started) == 2


def test_a_clear_stops_the_job_and_runs_another(control, platform, cluster):
    job = control.jobs.submit(on(cluster), owner=OWNER)
    second = control.jobs.submit(on(cluster), owner=replace(OWNER, epoch=2))
    assert control.jobs.get(job.id).state is JobState.KILLED
    assert (second.id != job.id, platform.started) == (True, ["etl", "etl"])


def test_no_run_begins_beside_one_that_does_not_end(control, platform, cluster, monkeypatch):
    job = control.jobs.submit(on(cluster), owner=OWNER)
    monkeypatch.setattr("dcluster_provider.control.jobs._TERMINATION_SECONDS", 0.1)
    monkeypatch.setattr(platform, "stop_job", lambda job, cluster: None)  # its node does not answer
    with pytest.raises(WaitTimeout, match=rf"job {job.id} .* is STOPPING .*on a node that does not answer"):
        control.jobs.submit(on(cluster), owner=replace(OWNER, epoch=2))
    assert platform.started == ["etl"]


def test_a_job_without_a_cluster_gets_its_own_which_ends_with_it(control, platform):
    job = control.jobs.submit(SPEC | {"numWorkers": 3, "workerMemGb": 2, "workerCpu": 4}, owner=OWNER)
    job = control.jobs.observe([job.id])[job.id]
    cluster = control.clusters.get(job.cluster_id)
    assert (cluster.spec.workers, cluster.spec.worker_memory, cluster.spec.worker_cpu) == (3, "2Gi", "4")
    assert cluster.owner == OWNER
    platform.set_job(job, JobPhase.SUCCEEDED)
    control.jobs.wait(job.id, timeout=HANG_SECONDS, poll_interval=0.01)
    assert control.clusters.get(cluster.id).state is ClusterState.TERMINATED


def test_keep_alive_keeps_the_own_cluster(control, platform):
    job = control.jobs.submit(SPEC | {"keepAlive": True})
    job = control.jobs.observe([job.id])[job.id]
    platform.set_job(job, JobPhase.SUCCEEDED)
    control.jobs.observe([job.id])
    assert control.clusters.status(job.cluster_id) is ClusterState.RUNNING


def test_the_long_living_cluster_is_launched_once_and_shared(control, platform):
    first = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    second = control.jobs.submit(SPEC | {"useLongLivingCluster": True, "module": "other"})
    assert first.cluster_id == second.cluster_id
    assert control.clusters.get(first.cluster_id).spec.long_living
    control.jobs.terminate(first.id)
    assert control.clusters.status(first.cluster_id) is ClusterState.RUNNING


def test_those_who_ask_at_once_share_one_cluster(control, platform):
    together = Barrier(8)

    def submit(number):
        together.wait(HANG_SECONDS)
        return control.jobs.submit(SPEC | {"useLongLivingCluster": True, "module": str(number)}).cluster_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(submit, range(8)))) == 1
    assert len(control.clusters.list()) == len(platform.list_clusters()) == 1


def test_a_shared_cluster_that_is_ending_is_followed_by_another_at_once(control, platform):
    first = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    delete = platform.delete_cluster
    platform.delete_cluster = lambda cluster: None  # it takes its time
    control.clusters.terminate(first.cluster_id)
    second = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    assert second.cluster_id != first.cluster_id
    assert control.clusters.status(first.cluster_id) is ClusterState.TERMINATING
    platform.delete_cluster = delete
    assert control.clusters.status(first.cluster_id) is ClusterState.TERMINATED
    assert control.clusters.status(second.cluster_id) is ClusterState.RUNNING


def test_a_shared_cluster_that_is_ended_between_choice_and_claim_is_followed(control, platform, monkeypatch):
    first = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    control.jobs.terminate(first.id)
    claim = control.registry.jobs.claim

    def end_before(**request):
        control.clusters.end_unused(first.cluster_id)
        return claim(**request)

    monkeypatch.setattr(control.registry.jobs, "claim", end_before)
    second = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    assert second.cluster_id != first.cluster_id
    assert platform.list_clusters() == [control.clusters.get(second.cluster_id).name]


def test_a_named_cluster_that_is_ended_before_the_claim_is_refused(control, cluster, monkeypatch):
    claim = control.registry.jobs.claim

    def end_before(**request):
        assert control.clusters.end_unused(cluster.id)
        return claim(**request)

    monkeypatch.setattr(control.registry.jobs, "claim", end_before)
    with pytest.raises(ClusterFailed, match="was terminated"):
        control.jobs.submit(on(cluster))
    assert control.jobs.list() == []


def test_the_launch_of_a_shared_cluster_that_was_cut_short_is_gone_on_with(control, platform, monkeypatch):
    def killed(_cluster):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(platform, "apply_cluster", killed)
        with pytest.raises(KeyboardInterrupt):
            control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    (left,) = control.clusters.list()
    assert left.state is ClusterState.REQUESTED
    job = control.jobs.submit(SPEC | {"useLongLivingCluster": True})
    assert (job.cluster_id, platform.list_clusters()) == (left.id, [left.name])


def test_a_duplicate_is_refused_before_a_cluster_is_launched(control, platform, cluster):
    control.jobs.submit(on(cluster))
    with pytest.raises(DuplicateJob, match="team"):
        control.jobs.submit(SPEC)
    assert platform.list_clusters() == [cluster.name]
    assert control.jobs.submit(on(cluster, allowDuplicate=True)).id


def test_a_job_that_has_ended_unseen_is_no_duplicate(control, platform, cluster):
    ended = control.jobs.submit(on(cluster))
    platform.set_job(ended, JobPhase.SUCCEEDED)
    assert control.jobs.get(ended.id).state is not JobState.SUCCEEDED
    assert control.jobs.submit(on(cluster)).id != ended.id
    assert control.jobs.get(ended.id).state is JobState.SUCCEEDED


def test_a_job_that_is_being_stopped_is_waited_for(control, platform, cluster, monkeypatch):
    stopped = control.jobs.submit(on(cluster))
    observe, looks = platform.observe_jobs, []

    def ends_at_the_third_look(jobs):
        looks.append(jobs)
        if len(looks) == 3:
            platform.set_job(stopped, JobPhase.KILLED)
        return observe(jobs)

    monkeypatch.setattr(platform, "stop_job", lambda *_: None)
    monkeypatch.setattr(platform, "observe_jobs", ends_at_the_third_look)
    assert control.jobs.terminate(stopped.id).state is JobState.STOPPING
    told = []
    assert control.jobs.submit(on(cluster), report=told.append).id != stopped.id
    assert told == [f"Waiting for {stopped}, which is being stopped"]
    assert control.jobs.get(stopped.id).state is JobState.KILLED


def test_what_cannot_be_seen_to_have_ended_is_a_duplicate(control, platform, cluster, monkeypatch):
    control.jobs.submit(on(cluster))

    def no_answer(_jobs):
        raise PlatformUnavailable("no answer")

    monkeypatch.setattr(platform, "observe_jobs", no_answer)
    with pytest.raises(DuplicateJob):
        control.jobs.submit(on(cluster))


def test_the_runs_of_a_task_have_their_jobs_beside_each_other(control, cluster):
    runs = [replace(OWNER, run_id=f"scheduled__{day}") for day in range(5)]
    jobs = [control.jobs.submit(on(cluster), owner=run) for run in runs]
    assert len({job.id for job in jobs}) == 5
    with pytest.raises(DuplicateJob, match="allow_duplicate=True"):
        control.jobs.submit(on(cluster, allowDuplicate=False), owner=replace(OWNER, run_id="another"))
    with pytest.raises(DuplicateJob):
        control.jobs.submit(on(cluster))


def test_whoever_waits_from_python_finds_the_states_in_the_log(control, platform, caplog):
    caplog.set_level("INFO", "dcluster_provider")
    cluster = control.clusters.launch({"tenant": "team"})
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS)
    job = control.jobs.submit(on(cluster))
    control.jobs.observe([job.id])
    platform.set_job(job, JobPhase.SUCCEEDED)
    control.jobs.wait(job.id, timeout=HANG_SECONDS)
    assert f"{cluster} is RUNNING" in caplog.text
    assert f"{job} is SUCCEEDED" in caplog.text


def test_terminating_a_job_that_has_not_started_keeps_it_from_starting(control, platform, cluster):
    platform.set_cluster(cluster, ClusterPhase.STARTING)
    job = control.jobs.submit(on(cluster))
    assert control.jobs.terminate(job.id).state is JobState.KILLED
    platform.set_cluster(cluster, ClusterPhase.READY, workers=1)
    control.jobs.observe([job.id])
    assert platform.started == []


def test_stop_client_stops_what_is_live_of_client_and_module(control, platform, cluster):
    live = control.jobs.submit(on(cluster))
    other = control.jobs.submit(on(cluster, module="other"))
    assert [job.id for job in control.jobs.stop_client("team", "etl")] == [live.id]
    assert control.jobs.get(live.id).state is JobState.KILLED
    assert not control.jobs.get(other.id).state.is_final
    assert control.jobs.stop_client("team", "etl") == ()


@pytest.mark.parametrize(("engine", "state"), [("spark3", JobState.FAILED), ("flink", JobState.UNKNOWN)])
def test_a_job_whose_cluster_breaks_tells_the_clusters_reason(control, platform, engine, state):
    cluster = control.clusters.launch({"tenant": "team", "type": engine})
    job = control.jobs.submit(on(cluster, jobType=engine))
    control.jobs.observe([job.id])
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    with pytest.raises(JobFailed, match="MasterLost"):
        control.jobs.wait(job.id, timeout=HANG_SECONDS, poll_interval=0.01)
    assert control.jobs.get(job.id).state is state


def test_a_job_that_succeeded_before_its_cluster_broke_has_succeeded(control, platform, cluster):
    job = control.jobs.submit(on(cluster))
    platform.set_job(job, JobPhase.SUCCEEDED)
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    assert control.jobs.observe([job.id])[job.id].state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"application": ""}, "field application: missing"),
        ({"jobType": "flink"}, "field jobType: 'flink' does not run on cluster"),
        ({"useExternalCluster": True}, "field clusterId: an external cluster has a name in the connection"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_stored(control, cluster, change, message):
    with pytest.raises(InvalidSpec, match=message):
        control.jobs.submit(on(cluster, **change))
    assert control.jobs.list() == []


def test_an_ended_or_unknown_cluster_is_refused(control, cluster):
    control.clusters.terminate(cluster.id)
    with pytest.raises(ClusterFailed, match="was terminated"):
        control.jobs.submit(on(cluster))
    with pytest.raises(NotFound, match="no cluster 99"):
        control.jobs.submit(SPEC | {"clusterId": 99})
    assert control.jobs.list() == []


def test_monitoring_is_switched_per_client_and_read_back(control):
    before = control.jobs.is_monitored("team")
    control.jobs.set_monitoring("team", not before, alert_after=60)
    assert control.jobs.is_monitored("team") is not before
    setting = control.jobs.monitoring("team")
    assert (setting.monitored, setting.alert_after) == (not before, 60)
    for wrong in (("", None), ("team", 0)):
        with pytest.raises(InvalidSpec, match=r"field (client|alertAfter)"):
            control.jobs.set_monitoring(wrong[0], True, wrong[1])


def test_the_info_of_a_job_has_everything(control, platform, settings, cluster):
    settings = settings.model_copy(
        update={"job_log_url_template": "https://l/{jobId}", "grafana_url": "g?{search}"}
    )
    jobs = Jobs(control.registry, platform, settings, control.clusters)
    job = jobs.submit(on(cluster, emailRecipients="a@b"))
    platform.set_job(
        job, JobPhase.FAILED, exit_code=3, diagnosis=Diagnosis(JobCode.FAILED, "It broke.", "Mend it.")
    )
    jobs.observe([job.id])
    info = jobs.info(job.id)
    assert {to_camel(name) for name in JobSpec.model_fields} <= set(info)
    assert (info["jobId"], info["clusterId"], info["clusterName"]) == (job.id, cluster.id, cluster.name)
    assert (info["state"], info["exitCode"], info["diagnosis"]["code"]) == ("FAILED", 3, "JobFailed")
    assert info["endedAt"] > info["createdAt"]
    engine = control.clusters.get(cluster.id).ui_url
    assert info["links"] == {"engine": engine, "log": f"https://l/{job.id}", "grafana": f"g?{job.id}"}
    assert jobs.infos(jobs.list("Failed")) == (info,)
    told = Clusters(control.registry, platform, settings).info(cluster.name)
    assert told["links"]["grafana"] == f"g?{cluster.id}"


def test_a_job_that_names_no_application_runs_the_connections(control, cluster, settings):
    settings = settings.model_copy(update={"application_template": "/apps/{client}/{codeVersion}/main.py"})
    jobs = Jobs(control.registry, control.platform, settings, control.clusters)
    job = jobs.submit(on(cluster, application="", codeVersion="v2"))
    assert control.jobs.get(job.id).spec.application == "/apps/team/v2/main.py"
    with pytest.raises(InvalidSpec, match="field codeVersion: is empty"):
        jobs.submit(on(cluster, application="", module="other"))
    assert len(control.jobs.list()) == 1


def test_a_log_that_cannot_be_read_keeps_nobody_from_theirs(control, platform, cluster):
    jobs = [control.jobs.submit(on(cluster, module=name)) for name in "abc"]
    platform.logs = {job.id: f"1. {job.module}\n" for job in jobs}
    platform.unreadable = {jobs[1].id}
    parts = control.jobs.read_logs([(job, 3) for job in jobs])
    assert [(part.text, part.end, part.is_cut) for part in parts] == [
        ("a\n", 5, False),
        ("", 3, True),
        ("c\n", 5, False),
    ]
    with pytest.raises(PlatformUnavailable, match="does not answer"):
        control.jobs.read_log(jobs[1].id)


def test_a_job_on_a_cluster_without_progress_says_what_that_says_while_it_waits_or_has_no_worker(
    control, platform
):
    why = Diagnosis(EndCode.DEPLOYMENT_DELETED, "The workers were deleted.", "Terminate it.")
    job = control.jobs.submit(SPEC)
    platform.set_job(control.jobs.observe([job.id])[job.id], JobPhase.PENDING)
    cluster = control.clusters.get(job.cluster_id)

    def told(phase: JobPhase, workers: int) -> Diagnosis | None:
        platform.clusters[cluster.name] = ClusterObservation(
            ClusterPhase.STARTING, workers_ready=workers, hint=why
        )
        platform.set_job(control.jobs.get(job.id), phase)
        return control.jobs.observe([job.id])[job.id].diagnosis

    assert told(JobPhase.PENDING, 1) == why
    assert told(JobPhase.RUNNING, 1) is None
    assert told(JobPhase.RUNNING, 0) == why


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_driver_that_outlives_its_application_is_ended_with_what_it_handed_back(
    control, platform, cluster, is_killed
):
    job = control.jobs.submit(on(cluster, mainEndedTimeout=60, returnsResult=True))
    job = control.jobs.observe([job.id])[job.id]
    ended = ApplicationEnd(job.created_at - timedelta(seconds=60), words=())
    platform.set_job(job, JobPhase.RUNNING, application_end=ended)
    platform.logs[job.id] = "".join(result_lines("[1, 2]", job=job.id))
    platform.silent = True
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING
    platform.silent = False
    if is_killed:  # between the end of the driver and the registry
        platform.end_job(job, cluster, judge_main_end(job, platform.of(job), job.created_at))
    job = control.jobs.observe([job.id])[job.id]
    assert (job.state, job.diagnosis.code, job.result) == (JobState.SUCCEEDED, "MainEnded", "[1, 2]")
    assert platform.of(job).phase is JobPhase.SUCCEEDED
