"""SIGKILL of the task's process at each boundary of launch, submit and terminate, then Airflow's own retry.

After each: one cluster and one job for the key, the job ran once, and nothing is left after the teardown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.core.record import Cluster, Job, JobState
from tests.live.trials import one_in

CALLS = {
    "launch": [
        ("claim", "ClusterStore.claim", 1),
        ("apply", "Platform.apply_cluster", 1),
        ("save", "ClusterStore.save", 1),
        ("first observation", "Platform.observe_clusters", 1),
    ],
    "submit": [
        ("claim", "JobStore.claim", 1),
        ("apply", "Platform.apply_job", 1),
        ("save", "JobStore.save", 1),
        ("first observation", "Platform.observe_jobs", 1),
    ],
    # A job that brings its own cluster: two claims, one of them of a cluster that has to end with the job.
    "own": [
        ("claim of cluster", "ClusterStore.claim", 1),
        ("apply of cluster", "Platform.apply_cluster", 1),
        ("claim of job", "JobStore.claim", 1),
        ("end of cluster", "Platform.delete_cluster", 1),
    ],
    "terminate": [
        ("claim", "ClusterStore.save", 1),
        ("apply", "Platform.delete_cluster", 1),
        ("first observation", "Platform.observe_clusters", 1),
        ("save", "ClusterStore.save", 2),
    ],
}


AT_ONCE = 6  # clusters and tasks that two processors bear


@dataclass
class Case:
    """A kill, what the run's conf says of it, and what came of it.

    :param resources: what the workers of its cluster wait for.
    """

    operation: str
    path: str
    boundary: str
    when: str
    conf: dict
    method: str = "execute"
    cluster: Cluster | None = None
    resources: Path | None = None
    run_id: str = ""
    verdict: str = ""

    @property
    def dag_id(self) -> str:
        return f"crash_{self.operation}_{self.path}"

    @property
    def task_id(self) -> str:
        return "submit" if self.operation == "own" else self.operation

    @property
    def goes_on_once_deferred(self) -> bool:
        """What it waits for comes only when its task waits in the triggerer: there is a resumption to be killed in."""
        return self.path == "deferred" and self.operation in {"launch", "submit"}


def all_cases() -> list[Case]:
    cases = [
        Case(
            operation,
            path,
            boundary,
            when,
            {"call": call, "when": when, "occurrence": nth, "method": "execute"},
        )
        for path in ("worker", "deferred")
        for operation, boundaries in CALLS.items()
        if (operation, path)
        != ("own", "deferred")  # up to its deferral the same, and its end is the triggerer's
        for boundary, call, nth in boundaries
        for when in ("before", "after")
    ]
    # The deferred path goes on in a second process, which only reads.
    for operation, call in (("launch", "ClusterStore.get"), ("submit", "JobStore.get")):
        conf = {"call": call, "occurrence": 1, "method": "execute_complete"}
        cases += [
            Case(operation, "deferred", "resumption", when, conf | {"when": when})
            for when in ("before", "after")
        ]
    return cases


CASES = list(one_in(7, all_cases()))


def groups() -> list[Any]:
    """What is run at the same time on each platform: all DAGs, or on Kubernetes what one node has room for."""
    dag_ids = tuple(dict.fromkeys(case.dag_id for case in CASES))
    on_kubernetes = [pytest.param("kubernetes", (dag_id,), marks=pytest.mark.long) for dag_id in dag_ids]
    return [("local", dag_ids), *on_kubernetes]


def finished(live_airflow, cases: list[Case]) -> None:
    """Run cases to their end, some at once, and find what is wrong then."""
    control, rest = live_airflow.control, live_airflow.rest
    spec = {"tenant": "crash", "workers": 1, "workerMemory": "1Gi"}
    shared = control.clusters.launch(spec)
    control.clusters.wait(shared.id, timeout=HANG_SECONDS)
    for dag_id in {case.dag_id for case in cases}:
        assert wait_until(lambda dag_id=dag_id: rest.has_dag(dag_id))
        rest.unpause(dag_id)
    for first in range(0, len(cases), AT_ONCE):
        run_to_the_end(live_airflow, cases[first : first + AT_ONCE], spec, shared)
    own = [case for case in cases if case.operation == "own"]
    # No task waits for the end of a job's own cluster: the cluster check sees it.
    assert not own or wait_until(lambda: own_clusters_have_ended_for_the_check(live_airflow, own), 5)
    for case in cases:
        case.verdict = verdict(live_airflow, case)
    control.clusters.terminate(shared.id)


def run_to_the_end(live_airflow, cases: list[Case], spec: dict, shared: Cluster) -> None:
    rest = live_airflow.rest
    for case in cases:
        if case.operation == "submit":
            case.cluster = shared
        elif case.operation == "terminate":
            case.cluster = live_airflow.control.clusters.launch(spec)
        if case.cluster is not None:
            case.conf["cluster_id"] = case.cluster.id
        if case.operation == "launch" and case.goes_on_once_deferred:
            case.resources = live_airflow.resources_that_do_not_come()
            case.conf["resources"] = str(case.resources)
        case.run_id = rest.trigger(case.dag_id, case.conf)
    assert wait_until(lambda: not [case for case in cases if not has_ended(live_airflow, case)], 2)


def own_clusters_have_ended_for_the_check(live_airflow, cases: list[Case]) -> bool:
    live_airflow.control.upkeep.check_clusters()
    return all(it.state.is_final for case in cases for it in clusters_of(live_airflow, case))


def has_ended(live_airflow, case: Case) -> bool:
    """Whether the case's run is over; what holds it back is taken away once its task waits."""
    if case.goes_on_once_deferred and live_airflow.has_left_its_worker(
        case.dag_id, case.run_id, case.task_id
    ):
        if case.resources:
            live_airflow.let_come(case.resources)
            case.resources = None
        (live_airflow.work / f"{case.run_id}.go").touch()
    return live_airflow.rest.run_state(case.dag_id, case.run_id) in {"success", "failed"}


def verdict(live_airflow, case: Case) -> str:
    """What is wrong after a case, or nothing."""
    rest = live_airflow.rest
    state = rest.run_state(case.dag_id, case.run_id)
    (task,) = [it for it in rest.tasks(case.dag_id, case.run_id) if it["task_id"] == case.task_id]
    if state != "success":
        return f"the run is {state}: {rest.task_log(task)[-2000:]}"
    if not (live_airflow.work / f"{case.run_id}.died").exists():
        tries = range(1, task["try_number"] + 1)
        logs = [rest.task_log(task | {"try_number": number}) for number in tries]
        return f"its process was never killed in {len(logs)} tries: {logs}"
    if case.operation in {"submit", "own"} and (wrong := submit_verdict(live_airflow, case)):
        return wrong
    if case.operation == "submit":
        return ""
    clusters = [case.cluster] if case.operation == "terminate" else clusters_of(live_airflow, case)
    if len(clusters) != 1:
        return f"{len(clusters)} clusters"
    cluster = live_airflow.control.clusters.get(clusters[0].id)
    left = cluster.name in live_airflow.control.platform.list_clusters()
    return (
        ""
        if cluster.state.value == "TERMINATED" and not left
        else f"{cluster} is {cluster.state.value}, left: {left}"
    )


def submit_verdict(live_airflow, case: Case) -> str:
    jobs = jobs_of(live_airflow, case)
    ran = (live_airflow.work / f"{case.run_id}.ran").read_text().count("ran")
    if len(jobs) != 1 or ran != 1:
        return f"{len(jobs)} jobs, ran {ran} times"
    return "" if jobs[0].state is JobState.SUCCEEDED else f"{jobs[0]} is {jobs[0].state.value}"


def clusters_of(live_airflow, case: Case) -> list[Cluster]:
    everything = live_airflow.control.clusters.list()
    return [
        it
        for it in everything
        if it.owner and it.owner.dag_id == case.dag_id and it.owner.run_id == case.run_id
    ]


def jobs_of(live_airflow, case: Case) -> list[Job]:
    everything = live_airflow.control.jobs.list()
    return [
        it
        for it in everything
        if it.owner and it.owner.dag_id == case.dag_id and it.owner.run_id == case.run_id
    ]


@pytest.mark.parametrize(
    ("live_airflow", "dag_ids"),
    groups(),
    indirect=["live_airflow"],
    ids=lambda it: it if isinstance(it, str) else it[0] if len(it) == 1 else "all",
    scope="session",
)
def test_one_cluster_and_one_job_per_key_after_each_crash(live_airflow, dag_ids, tables):
    cases = [case for case in CASES if case.dag_id in dag_ids]
    finished(live_airflow, cases)
    for case in cases:
        where = f"{case.when} {case.boundary}"
        tables.add(
            f"SIGKILL of a task's process ({live_airflow.platform}), and what its retry made of it",
            f"{case.operation:<10} {case.path:<9} {where:<25} {case.verdict or 'one, once, none left'}",
        )
    assert not [case for case in cases if case.verdict]
