"""Upkeep on a live Airflow: what it knows of owners decides, and mail is really sent."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from airflow_databases import AIRFLOW
from hanging import HANG_SECONDS, wait_until
from local_platform import answers
from mail_server import mail_server, text_of

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from tests.live.trials import on_both_platforms

FORGET_TRIGGERS_OF_ENDED_TASKS = """
from airflow.models.trigger import Trigger
Trigger.clean_unused()
"""

pytestmark = [on_both_platforms]


@pytest.fixture(scope="module")
def shared(live_airflow) -> Cluster:
    cluster = live_airflow.control.clusters.launch(
        {"tenant": "upkeep", "workers": 1, "workerCpu": "4", "longLiving": True}
    )
    return live_airflow.control.clusters.wait(cluster.id, timeout=HANG_SECONDS)


@pytest.fixture
def mails(live_airflow) -> Iterator[list]:
    """What is mailed, through a connection that the running Airflow has from now on."""
    with mail_server() as server:
        connection = json.loads(server.connection)
        body = connection | {"connection_id": "smtp_default", "extra": json.dumps(connection["extra"])}
        live_airflow.rest.make_connection(body)
        try:
            yield server.mails
        finally:
            live_airflow.rest.delete_connection("smtp_default")


@contextmanager
def triggerer_held_back(live_airflow) -> Iterator[None]:
    """The triggerer starts no trigger that is deferred meanwhile and whose task has ended at the end.

    Where in its round it was stopped decides whether it would first take the new trigger or first forget the
    ended task's, as a second triggerer may do any time: here it is forgotten before it goes on.
    """
    everyone = answers(
        live_airflow.standalone.processes(), lambda process: [process.name(), *process.cmdline()]
    )
    found = [process for process, words in everyone if any("triggerer" in word for word in words)]
    assert found
    for process in found:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
        subprocess.run(
            [sys.executable, "-c", FORGET_TRIGGERS_OF_ENDED_TASKS],
            env=live_airflow.standalone.environment,
            check=True,
            timeout=HANG_SECONDS,
        )
    finally:
        for process in found:
            try:
                process.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                continue


def start(live_airflow, dag_id: str, conf: dict | None = None) -> str:
    assert wait_until(lambda: live_airflow.rest.has_dag(dag_id))
    live_airflow.rest.unpause(dag_id)
    return live_airflow.rest.trigger(dag_id, conf or {})


def run(live_airflow, dag_id: str, conf: dict | None = None) -> tuple[str, str]:
    """Run a DAG to its end.

    :returns: the run's id, and the log of its task.
    """
    run_id = start(live_airflow, dag_id, conf)
    rest = live_airflow.rest
    assert wait_until(lambda: is_over(live_airflow, dag_id, run_id))
    (task,) = rest.tasks(dag_id, run_id)
    log = rest.task_log(task)
    assert rest.run_state(dag_id, run_id) == "success", log
    return run_id, log


def owned(records, run_id: str) -> list:
    return [it for it in records if it.owner and it.owner.run_id == run_id]


def is_over(live_airflow, dag_id: str, run_id: str) -> bool:
    return live_airflow.rest.run_state(dag_id, run_id) in {"success", "failed"}


def task_state(live_airflow, dag_id: str, run_id: str) -> str:
    (task,) = live_airflow.rest.tasks(dag_id, run_id)
    return task["state"]


def command(live_airflow, *args: str) -> dict:
    """The report that a command prints as JSON."""
    done = subprocess.run(
        [AIRFLOW, "dcluster", *args, "--output", "json"],
        env=live_airflow.standalone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout[done.stdout.index("{") :])


def told_of(report: dict, record: Cluster | Job) -> list[tuple[str, str]]:
    return [(line["what"], line["why"]) for line in report["lines"] if line["subject"] == str(record)]


def test_a_cluster_that_its_dag_forgot_is_ended_by_the_check_in_a_terminal(live_airflow):
    run_id = start(live_airflow, "launch_and_leave")
    assert wait_until(lambda: owned(live_airflow.control.clusters.list(), run_id))
    (cluster,) = owned(live_airflow.control.clusters.list(), run_id)
    report = command(live_airflow, "check", "--dry-run")
    if not is_over(live_airflow, "launch_and_leave", run_id):
        assert told_of(report, cluster) == []
    assert wait_until(lambda: is_over(live_airflow, "launch_and_leave", run_id))
    why = f"its owner run is over ({cluster.owner})"
    dry = command(live_airflow, "check", "--dry-run")
    assert (told_of(dry, cluster), dry["dryRun"]) == ([("ended", why)], True)
    assert live_airflow.control.clusters.status(cluster.id) is ClusterState.RUNNING
    assert told_of(command(live_airflow, "check"), cluster) == [("ended", why)]
    assert live_airflow.control.clusters.status(cluster.id) is ClusterState.TERMINATED


@pytest.mark.long
def test_a_launch_marked_in_the_moment_of_its_deferral_is_ended_by_the_check(live_airflow):
    """Airflow tells nobody: no process runs the task any more, and no triggerer has its trigger yet."""
    with triggerer_held_back(live_airflow):
        resources = live_airflow.resources_that_do_not_come()
        run_id = start(live_airflow, "ended_launch_deferred", {"resources": str(resources)})
        assert wait_until(lambda: task_state(live_airflow, "ended_launch_deferred", run_id) == "deferred")
        live_airflow.rest.mark_task("ended_launch_deferred", run_id, "task", "failed")
    (cluster,) = owned(live_airflow.control.clusters.list(), run_id)
    assert not live_airflow.control.clusters.observe([cluster.id])[cluster.id].state.is_final
    _, log = run(live_airflow, "check_clusters")
    assert f"{cluster}" in log
    assert live_airflow.control.clusters.status(cluster.id) is ClusterState.TERMINATED
    actors = {event.actor for event in live_airflow.control.registry.events.list(cluster_id=cluster.id)}
    assert any(actor.startswith("cluster check: its owner ") for actor in actors), actors


@pytest.mark.long
def test_a_job_marked_in_the_moment_of_its_deferral_is_stopped_and_the_shared_cluster_stays(
    live_airflow, shared
):
    with triggerer_held_back(live_airflow):
        run_id = start(live_airflow, "ended_job_deferred", {"cluster_id": shared.id})
        assert wait_until(lambda: task_state(live_airflow, "ended_job_deferred", run_id) == "deferred")
        live_airflow.rest.mark_task("ended_job_deferred", run_id, "task", "failed")
    (job,) = owned(live_airflow.control.jobs.list(), run_id)
    assert not live_airflow.control.jobs.observe([job.id])[job.id].state.is_final
    _, log = run(live_airflow, "check_clusters", {"dry_run": True})
    assert f"stopped  {job}" in log
    assert not live_airflow.control.jobs.get(job.id).state.is_final
    run(live_airflow, "check_clusters")
    jobs = live_airflow.control.jobs  # a stop goes on with each look, and nobody else looks
    assert wait_until(lambda: jobs.observe([job.id])[job.id].state is JobState.KILLED)
    assert live_airflow.control.clusters.status(shared.id) is ClusterState.RUNNING


def test_a_job_that_runs_long_is_mailed_once_however_many_passes_there_are(live_airflow, shared, mails):
    control = live_airflow.control
    spec = {
        "client": "slow",
        "module": "endless",
        "clusterId": shared.id,
        "emailRecipients": "a@x.org, b@x.org",
    }
    job = control.jobs.submit(spec | {"application": str(live_airflow.work / "endless.py")})
    job = control.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS)
    control.jobs.set_monitoring("slow", True, alert_after=1)
    try:
        report = command(live_airflow, "alert", "--dry-run")
        assert [what for what, _ in told_of(report, job)] == ["notified"]
        assert mails == []
        runs = [start(live_airflow, "alert_long_running") for _ in range(2)]
        rest = live_airflow.rest
        assert wait_until(lambda: {rest.run_state("alert_long_running", it) for it in runs} == {"success"})
        assert told_of(command(live_airflow, "alert"), job) == []
        ((recipients, mail),) = mails
        print(mail["Subject"], text_of(mail), sep="\n")
        assert recipients == ["a@x.org", "b@x.org"]
        assert mail["Subject"].startswith(f"[dCluster] job {job.id} (slow/endless): running for 0:0")
        assert f"Cluster: {shared.id} ({shared.name})" in text_of(mail)
        assert f"/dcluster/dcluster_default/jobs/{job.id}/log" in text_of(mail)
    finally:
        control.jobs.terminate(job.id)


@pytest.mark.long
def test_a_job_that_fails_is_mailed_by_the_task_that_submitted_it_and_not_again(live_airflow, shared, mails):
    dag_id, rest = "failing_job_is_mailed", live_airflow.rest
    run_id = start(live_airflow, dag_id, {"cluster_id": shared.id})
    assert wait_until(lambda: rest.run_state(dag_id, run_id) == "failed")
    (job,) = owned(live_airflow.control.jobs.list(), run_id)
    ((recipients, mail),) = mails
    print(mail["Subject"], text_of(mail), sep="\n")
    assert recipients == ["team@example.com"]
    assert mail["Subject"] == f"[dCluster] {job}: FAILED"
    assert job.diagnosis.code in text_of(mail)
    assert f"Owner: {job.owner}" in text_of(mail)
    command(live_airflow, "alert")
    assert len(mails) == 1


@pytest.mark.long
def test_a_failure_that_no_task_could_tell_of_is_mailed_by_the_next_pass(live_airflow, shared, mails):
    control = live_airflow.control
    spec = {
        "client": "alone",
        "module": "raises",
        "clusterId": shared.id,
        "emailRecipients": "team@example.com",
    }
    job = control.jobs.submit(spec | {"application": str(live_airflow.work / "raises.py")})
    final = [state for state in JobState if state.is_final]
    job = control.jobs.wait(job.id, final, HANG_SECONDS)
    assert (job.state, mails) == (JobState.FAILED, [])
    assert [what for what, _ in told_of(command(live_airflow, "alert"), job)] == ["notified"]
    assert told_of(command(live_airflow, "alert"), job) == []
    assert [mail["Subject"] for _, mail in mails] == [f"[dCluster] {job}: FAILED"]
