"""Spark on this machine: a cluster, its jobs and their ends, all of it real."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import httpx
import psutil
import pytest
from hanging import ANSWER_SECONDS
from local_platform import (
    APPLICATIONS,
    answers,
    driver_of,
    launch,
    local_platform,
    make_cluster,
    make_job,
    observe,
    observe_job,
    outcome,
    running,
    submit,
    until,
    whole_log,
)

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.engines.spark.main_end import judge_main_end
from dcluster_provider.platforms.local.installation.engines import find_engine
from dcluster_provider.platforms.local.processes.termination import census

PI = str(APPLICATIONS / "spark_pi.py")
FAILS = str(APPLICATIONS / "spark_fails.py")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with local_platform(tmp_path_factory.mktemp("spark"), "spark") as platform:
        yield platform


@pytest.fixture(scope="module")
def cluster(platform):
    return launch(
        platform,
        workers=2,
        worker_memory="1Gi",
        master_memory="512Mi",
        extra_configs={"spark.sql.shuffle.partitions": 3},
    )


def test_every_process_of_a_cluster_and_its_job_starts_from_the_archive_of_classes(platform, cluster):
    job = submit(platform, cluster, application=str(APPLICATIONS / "endless.py"))
    running(platform, job, cluster)
    engine = find_engine("spark", platform.settings)
    archive = next(engine.python.parent.parent.glob("classes-*.jsa"))
    home = platform.settings.home

    def javas():
        members = [
            each for folder, those in census().items() if folder.is_relative_to(home) for each in those
        ]
        return [process for process, name in answers(members, psutil.Process.name) if name == "java"]

    # A master, two workers, a driver and its executors; one that could not use the archive would not have mapped it.
    started = until(javas, lambda found: len(found) >= 5)
    paths = answers(started, lambda process: {each.path for each in process.memory_maps()})
    assert [process.cmdline()[-1] for process, mapped in paths if str(archive) not in mapped] == []
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED


def test_a_job_is_counted_by_the_workers_and_gets_what_it_is_handed(platform, cluster, monkeypatch):
    monkeypatch.setenv("LC_ALL", "POSIX")  # as services run that are given no locale
    config = "ä😀=b: #c! \\d 'e' \"f\" $g"
    arguments = ("größer 😀", "a\r\nb", "$(HOME) $$", "", "x" * 100_000)
    job = submit(
        platform, cluster, application=PI, pipeline_version="v 1.2", pipeline_config=config, args=arguments
    )
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code) == (JobPhase.SUCCEEDED, 0)
    log = whole_log(platform, job, cluster)
    assert "pi is roughly 3.1" in log
    assert f"application team/etl #{job.id}" in log
    assert "pipeline v 1.2 v 1.2" in log
    assert f"config {config}\nconfig {config}\n" in log
    assert "setting 3" in log
    assert f"arguments {[ascii(each) for each in arguments]}" in log


def test_the_job_of_a_killed_submitter_runs_once(platform, cluster):
    job = make_job(cluster, application=FAILS, args=("nothing",))
    source = (
        "import os, pickle, sys\n"
        "from dcluster_provider.platforms.local.platform import LocalPlatform\n"
        "settings, job, cluster = pickle.load(sys.stdin.buffer)\n"
        "LocalPlatform(settings).apply_job(job, cluster)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    given = pickle.dumps((platform.settings, job, cluster))
    assert subprocess.run([sys.executable, "-c", source], input=given, check=False).returncode == -9
    platform.apply_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.SUCCEEDED
    platform.apply_job(job, cluster)
    assert whole_log(platform, job, cluster).count("counted 10") == 1


def test_an_apply_that_is_killed_again_and_again_makes_one_cluster(platform):
    cluster = make_cluster(workers=1, worker_memory="1Gi", master_memory="512Mi")
    source = (
        "import pickle, sys\n"
        "from dcluster_provider.platforms.local.platform import LocalPlatform\n"
        "settings, cluster = pickle.load(sys.stdin.buffer)\n"
        "print('ready', flush=True)\n"
        "LocalPlatform(settings).apply_cluster(cluster)\n"
    )
    for delay in (0, 0.01, 0.03, 0.06, 0.1):
        applying = subprocess.Popen(
            [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        applying.stdin.write(pickle.dumps((platform.settings, cluster)))
        applying.stdin.close()
        applying.stdout.readline()
        time.sleep(delay)
        applying.kill()
        applying.wait()
        applying.stdout.close()
    platform.apply_cluster(cluster)
    until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.READY)
    members = [each for folder, found in census().items() if cluster.name in str(folder) for each in found]
    programs = [words for _, words in answers(members, psutil.Process.cmdline)]
    assert sum("org.apache.spark.deploy.master.Master" in program for program in programs) == 1
    assert sum("org.apache.spark.deploy.worker.Worker" in program for program in programs) == 1
    platform.delete_cluster(cluster)


def test_a_python_exception_is_the_cause(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("driver",))
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code) == (JobPhase.FAILED, 1)
    assert seen.diagnosis.code == "PythonException"
    assert "ValueError: no rows today" in seen.diagnosis.cause
    assert any("spark_fails.py" in line for line in seen.diagnosis.evidence)


@pytest.mark.long
def test_an_exception_in_a_task_is_the_cause(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("task",))
    seen = outcome(platform, job, cluster)
    assert seen.diagnosis.code == "PythonException"
    assert "ZeroDivisionError" in seen.diagnosis.cause


def test_a_job_whose_executors_end_at_start_is_ended_with_their_own_words(platform, cluster):
    wrong = {"spark.executor.extraJavaOptions": "--add-modules=no.such.module -Dpassword=hidden"}
    job = submit(platform, cluster, application=FAILS, args=("nothing",), extra_cmd=wrong)
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "ExecutorsFailed")
    # Ten, and those that ended before somebody looked.
    assert re.match(r"1\d executors of the job ended one after the other", seen.diagnosis.cause)
    assert any("Module no.such.module not found" in line for line in seen.diagnosis.evidence), seen.diagnosis
    assert "hidden" not in seen.diagnosis.render()
    assert observe_job(platform, job, cluster) == seen
    until(lambda: _master(platform, cluster)["activeapps"], lambda left: not left)


@pytest.mark.long
def test_a_driver_whose_heap_is_full_ends(platform, cluster):
    job = submit(platform, cluster, application=str(APPLICATIONS / "fills_heap.py"), driver_mem_gb=0.5)
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code, seen.diagnosis.code) == (JobPhase.FAILED, 3, "OutOfMemory")
    assert "Java heap space" in seen.diagnosis.cause


@pytest.mark.long
def test_a_driver_that_outlives_its_application_is_told_of_and_ended(platform, cluster):
    began = datetime.now(timezone.utc)
    job = submit(platform, cluster, application=str(APPLICATIONS / "outlives.py"), main_ended_timeout=60)
    seen = until(
        lambda: observe_job(platform, job, cluster),
        lambda seen: seen and seen.application_end and seen.application_end.words is not None,
    )
    end = seen.application_end
    assert end.is_finished
    assert began < end.at <= datetime.now(timezone.utc)
    platform.end_job(job, cluster, judge_main_end(job, seen, end.at + timedelta(seconds=60)))
    seen = observe_job(platform, job, cluster)
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.SUCCEEDED, "MainEnded")
    folder = platform.settings.home / "logs" / cluster.name / "jobs" / f"{job.id}-{job.generation}"
    until(census, lambda alive: folder not in alive)


@pytest.mark.long
def test_a_wrong_main_class_is_named(platform, cluster, spark_jar):
    job = submit(platform, cluster, application=str(spark_jar), main_class="no.Such")
    seen = outcome(platform, job, cluster)
    assert seen.diagnosis.code == "MainClassMissing"
    assert "no.Such" in seen.diagnosis.cause


@pytest.fixture(scope="module")
def spark_jar(platform, cluster):
    """Any jar will do: one of Spark's own."""
    return next((find_engine("spark", platform.settings).home / "jars").glob("spark-launcher_*.jar"))


def test_an_executor_larger_than_any_worker_is_refused_before_it_starts(platform, cluster):
    job = make_job(cluster, application=PI, worker_mem_gb=4)
    with pytest.raises(PlatformRefused, match=r"spark\.executor\.memory asks for 4096 MiB, but .* 1024 MiB"):
        platform.apply_job(job, cluster)
    assert observe_job(platform, job, cluster).phase is JobPhase.ABSENT


@pytest.mark.long
def test_an_executor_that_the_application_makes_too_large_is_named_and_its_driver_ended(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("memory",))
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "ExecutorTooLarge")
    assert "65536 MiB" in seen.diagnosis.cause
    assert not [folder for folder in census() if folder.name == f"{job.id}-1"]
    assert observe_job(platform, job, cluster) == seen


def test_two_jobs_share_the_cluster_and_the_application_of_a_stopped_one_leaves_it(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    assert running(platform, job, cluster).ui_url.startswith("http://127.0.0.1:")
    other = submit(platform, cluster, application=FAILS, args=("nothing",))
    assert outcome(platform, other, cluster).phase is JobPhase.SUCCEEDED
    assert observe_job(platform, job, cluster).phase is JobPhase.RUNNING
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED
    platform.stop_job(job, cluster)
    until(lambda: _master(platform, cluster)["activeapps"], lambda left: not left)


def test_a_job_that_was_stopped_before_it_began_never_begins(platform, cluster):
    job = make_job(cluster, application=PI)
    platform.stop_job(job, cluster)
    platform.apply_job(job, cluster)
    assert observe_job(platform, job, cluster).phase is JobPhase.KILLED


@pytest.mark.long
def test_a_job_waits_while_another_has_all_cores(platform, cluster):
    first = submit(platform, cluster, application=FAILS, args=("sleep",), num_workers=2)
    running(platform, first, cluster)
    until(lambda: _master(platform, cluster)["coresused"], lambda used: used == 2)
    second = submit(platform, cluster, application=FAILS, args=("nothing",))
    until(lambda: len(_master(platform, cluster)["activeapps"]), lambda count: count == 2)
    assert observe_job(platform, second, cluster).phase is JobPhase.PENDING
    platform.stop_job(first, cluster)
    assert outcome(platform, second, cluster).phase is JobPhase.SUCCEEDED


def test_a_killed_driver_is_named(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, job, cluster)
    driver_of(platform, job, cluster).kill()
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code) == (JobPhase.FAILED, -9)
    assert seen.diagnosis.cause == "The driver was killed by signal 9 (SIGKILL)."


@pytest.mark.long
def test_a_driver_that_does_not_know_the_secret_is_refused(platform, cluster, tmp_path):
    home = find_engine("spark", platform.settings).home
    env = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SCALA_VERSION": "2.12",
    }
    url = observe(platform, cluster).master_url
    said = subprocess.Popen(
        [home / "bin" / "spark-submit", "--master", url, FAILS, "nothing"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        refusal = next(line for line in said.stderr if "Failed to connect to master" in line)
    finally:
        said.kill()
        said.communicate()
    assert url.removeprefix("spark://") in refusal
    assert _master(platform, cluster)["activeapps"] == []


def test_nothing_listens_beyond_this_machine_and_no_secret_is_in_a_command_line(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, job, cluster)
    members = [each for folder, found in census().items() if cluster.name in str(folder) for each in found]
    assert len(members) > 6
    for _, connections in answers(members, lambda member: member.net_connections("inet")):
        listening = [each for each in connections if each.status == psutil.CONN_LISTEN]
        assert {each.laddr.ip.removeprefix("::ffff:") for each in listening} <= {"127.0.0.1"}
    plan = platform.settings.home / "clusters" / cluster.name / "plan.json"
    secret = json.loads(plan.read_text())["secret"]
    programs = answers(members, psutil.Process.cmdline)
    assert len(programs) > 6
    assert not [member for member, words in programs if any(secret in part for part in words)]
    platform.stop_job(job, cluster)


@pytest.mark.long
def test_a_jobs_own_cluster_gives_all_its_memory_to_the_job(platform, cluster):
    job = replace(make_job(cluster, application=FAILS, args=("sleep",)), owns_cluster=True)
    platform.apply_job(job, cluster)
    (application,) = until(lambda: _master(platform, cluster)["activeapps"], bool)
    assert application["memoryperexecutor"] == 1024
    until(lambda: _master(platform, cluster)["coresused"], lambda used: used == 2)
    assert running(platform, job, cluster)
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED


def test_a_cluster_is_ended_with_its_jobs_and_their_logs_stay(platform):
    cluster = launch(platform, workers=1, worker_memory="1Gi", master_memory="512Mi")
    assert cluster.name in platform.list_clusters()
    done = submit(platform, cluster, application=FAILS, args=("nothing",))
    assert outcome(platform, done, cluster).phase is JobPhase.SUCCEEDED
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, job, cluster)
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT
    assert not [folder for folder in census() if cluster.name in str(folder)]
    assert cluster.name not in platform.list_clusters()
    platform.delete_cluster(cluster)
    assert "counted 10" in whole_log(platform, done, cluster)
    assert observe_job(platform, done, cluster).phase is JobPhase.SUCCEEDED
    assert observe_job(platform, job, cluster).phase is JobPhase.KILLED
    for again in (lambda: platform.apply_cluster(cluster), lambda: platform.apply_job(job, cluster)):
        with pytest.raises(PlatformRefused, match="ClusterEnded"):
            again()


def _master(platform, cluster):
    return httpx.get(f"{observe(platform, cluster).ui_url}/json/", timeout=ANSWER_SECONDS).json()
