"""Many runs of one task at a time on a live Airflow: backfills, and dag.test() beside a running triggerer."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from airflow_databases import AIRFLOW
from hanging import HANG_SECONDS, LIVE_TEST_SECONDS, wait_until

from dcluster_provider.core.record import ClusterState, Job, JobState
from tests.live.trials import on_both_platforms

pytestmark = [pytest.mark.long, on_both_platforms]
DAGS = ("daily_report_1", "daily_report_2")
DAYS = 10
# dag.test() whose deferred task goes on only once the triggerer has begun to run its trigger too.
_TEST_RUNS = """
import sys, time
from pathlib import Path
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.models.taskinstance import TaskInstance

file, runs, cluster = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
logs, set_state = Path(conf.get("logging", "base_log_folder")), TaskInstance.set_state

def set_when_found(ti, state, *args, **kwargs):
    while state == "deferred" and not list(logs.glob(f"**/run_id={ti.run_id}/**/*.trigger.*")):
        time.sleep(0.1)
    return set_state(ti, state, *args, **kwargs)

TaskInstance.set_state = set_when_found
dag = DagBag(file).dags["tested"]
for _ in range(runs):
    dag.test(run_conf={"cluster_id": cluster})
"""


def test_two_backfills_of_ten_days_beside_each_other_run_every_day_once(live_airflow):
    rest = live_airflow.rest
    for dag_id in DAGS:
        assert wait_until(lambda it=dag_id: rest.has_dag(it))
        rest.unpause(dag_id)
    for dag_id in DAGS:
        dates = ("--from-date", "2026-01-01", "--to-date", f"2026-01-{DAYS:02}")
        command = [AIRFLOW, "backfill", "create", "--dag-id", dag_id, *dates, "--max-active-runs", "4"]
        subprocess.run(command, env=live_airflow.standalone.environment, check=True, capture_output=True)
    assert wait_until(
        lambda: not any(rest.unfinished_runs(dag_id) for dag_id in DAGS), seconds=LIVE_TEST_SECONDS
    )
    jobs = [job for job in live_airflow.control.jobs.list(client="sales") if job.owner.dag_id in DAGS]
    days = {(job.owner.dag_id, job.spec.args) for job in jobs if job.owner.run_id.startswith("backfill__")}
    assert days == {(dag_id, (f"2026-01-{day:02}",)) for dag_id in DAGS for day in range(1, DAYS + 1)}
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert len(jobs) == len({job.owner.run_id + job.owner.dag_id for job in jobs})
    for dag_id in DAGS:
        assert are_beside_each_other([job for job in jobs if job.owner.dag_id == dag_id])
    clusters = live_airflow.control.clusters
    assert wait_until(lambda: all(clusters.status(job.cluster_id) is ClusterState.TERMINATED for job in jobs))


def are_beside_each_other(jobs: list[Job]) -> bool:
    """Whether one was asked for before another had ended, which a refused duplicate would not have been."""
    jobs = sorted(jobs, key=lambda job: job.created_at)
    return any(later.created_at < job.ended_at for job, later in pairwise(jobs))


def test_no_job_of_dag_test_is_ended_by_the_triggerer_that_runs_beside_it(live_airflow):
    control, processes, runs = live_airflow.control, 5, 10
    cluster = control.clusters.launch(
        {"tenant": "tested", "workers": 1, "workerCpu": "8", "longLiving": True}
    )
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS)
    assert wait_until(lambda: live_airflow.rest.has_dag("tested"))
    file = live_airflow.standalone.home / "dags" / "concurrent.py"
    command = [sys.executable, "-c", _TEST_RUNS, str(file), str(runs), str(cluster.id)]
    started = [
        subprocess.Popen(
            command,
            env=live_airflow.standalone.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(processes)
    ]
    assert [process.wait() for process in started] == [0] * processes
    jobs = control.jobs.list(client="tested")
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * (processes * runs)
    control.clusters.terminate(cluster.id)
