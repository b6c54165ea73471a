"""Every example DAG runs through on a live Airflow, and nothing of it is left."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hanging import wait_until

from tests.live.conftest import EXAMPLE_DAGS
from tests.live.trials import IS_EVERYTHING

DAG_IDS = sorted(
    f"dcluster_{path.stem.removeprefix('example_')}" for path in EXAMPLE_DAGS.glob("example_*.py")
)
COLUMNS = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
    "minute",
    "time_hour",
]
FLIGHTS = [
    ("AA", "JFK", "LAX", "10"),
    ("AA", "JFK", "SFO", "20"),
    ("UA", "EWR", "LAX", "-4"),
    ("UA", "EWR", "LAX", "NA"),
]


def tried_on(platform: str) -> list[str]:
    """All of them in a run of everything, otherwise one of each engine here and none on Kubernetes."""
    if IS_EVERYTHING:
        return DAG_IDS
    return ["dcluster_flights_flink", "dcluster_shared_cluster"] if platform == "local" else []


TRIALS = [(platform, dag_id) for platform in ("local", "kubernetes") for dag_id in tried_on(platform)]


@pytest.fixture(scope="module")
def flights(live_airflow) -> Path:
    """A few flights in the columns of the real ones."""
    path = live_airflow.work / "flights.csv"
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="1")
        rows.writeheader()
        rows.writerows(
            dict(zip(("carrier", "origin", "dest", "arr_delay"), row, strict=True)) for row in FLIGHTS
        )
    return path


@pytest.fixture(scope="module")
def runs(live_airflow, flights) -> dict[str, str]:
    """All of them started at once, as Airflow would."""
    rest = live_airflow.rest
    started = {}
    for dag_id in tried_on(live_airflow.platform):
        assert wait_until(lambda dag_id=dag_id: rest.has_dag(dag_id))
        rest.unpause(dag_id)
        output = live_airflow.work / dag_id
        conf = {"flights": str(flights), "output": str(output)} if "flights" in dag_id else {}
        started[dag_id] = rest.trigger(dag_id, conf)
    return started


def state_in_the_end(rest, dag_id: str, run_id: str) -> str:
    assert wait_until(lambda: rest.run_state(dag_id, run_id) in {"success", "failed"}, 1)
    return rest.run_state(dag_id, run_id)


@pytest.mark.parametrize(("live_airflow", "dag_id"), TRIALS, indirect=["live_airflow"], scope="session")
def test_example_runs_through_and_leaves_no_cluster(live_airflow, runs, dag_id):
    rest, run_id = live_airflow.rest, runs[dag_id]
    state_in_the_end(rest, dag_id, run_id)
    failed = [task for task in rest.tasks(dag_id, run_id) if task["state"] != "success"]
    assert not failed, "\n".join(rest.task_log(task) for task in failed)

    def states() -> set[str]:
        clusters = live_airflow.control.clusters.list()
        return {it.state.value for it in clusters if it.owner and it.owner.run_id == run_id}

    assert states()
    assert wait_until(lambda: states() == {"TERMINATED"}), "a job's own cluster is seen out"


@pytest.mark.parametrize(
    ("live_airflow", "dag_id"),
    [trial for trial in TRIALS if "flights" in trial[1]],
    indirect=["live_airflow"],
    scope="session",
)
def test_flights_are_averaged_right(live_airflow, runs, dag_id):
    rest, run_id = live_airflow.rest, runs[dag_id]
    assert state_in_the_end(rest, dag_id, run_id) == "success"
    table = json.loads((live_airflow.work / dag_id / "by_carrier.json").read_text())
    assert [(row["carrier"], row["flights"], row["mean_arr_delay"]) for row in table] == [
        ("AA", 2, 15.0),
        ("UA", 1, -4.0),
    ]
    (task,) = [it for it in rest.tasks(dag_id, run_id) if it["task_id"] == "analyse"]
    assert "by_carrier" in rest.task_log(task), "the job's own output is not in the task's log"
