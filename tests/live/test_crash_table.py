"""SIGKILL of the task's process at each boundary of launch, submit and terminate, then Airflow's own retry.

After each: one cluster and one job for the key, the job ran once, and nothing is left after the teardown.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dcluster_provider.core.record import Cluster, Job, JobState
from demo.standalone import wait_until
from tests.live.long_tests import on_the_platforms_of_long_tests, one_in

pytestmark = [pytest.mark.timeout(2400), on_the_platforms_of_long_tests]

CALLS = {
    "launch": [
        ("claim", "Registry.claim_cluster", 1),
        ("apply", "Platform.apply_cluster", 1),
        ("save", "Registry.save_cluster", 1),
        ("first observation", "Platform.observe_clusters", 1),
    ],
    "submit": [
        ("claim", "Registry.claim_job", 1),
        ("apply", "Platform.apply_job", 1),
        ("save", "Registry.save_job", 1),
        ("first observation", "Platform.observe_jobs", 1),
    ],
    # A job that brings its own cluster: two claims, one of them of a cluster that has to end with the job.
    "own": [
        ("claim of cluster", "Registry.claim_cluster", 1),
        ("apply of cluster", "Platform.apply_cluster", 1),
        ("claim of job", "Registry.claim_job", 1),
        ("end of cluster", "Platform.delete_cluster", 1),
    ],
    "terminate": [
        ("claim", "Registry.save_cluster", 1),
        ("apply", "Platform.delete_cluster", 1),
        ("first observation", "Platform.observe_clusters", 1),
        ("save", "Registry.save_cluster", 2),
    ],
}


@dataclass
class Case:
    operation: str
    path: str
    boundary: str
    when: str
    conf: dict
    method: str = "execute"
    cluster: Cluster | None = None
    run_id: str = ""
    verdict: str = ""

    @property
    def dag_id(self) -> str:
        return f"crash_{self.operation}_{self.path}"

    @property
    def task_id(self) -> str:
        return "submit" if self.operation == "own" else self.operation


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
    for operation, call in (("launch", "Registry.get_cluster"), ("submit", "Registry.get_job")):
        conf = {"call": call, "occurrence": 1, "method": "execute_complete"}
        cases += [
            Case(operation, "deferred", "resumption", when, conf | {"when": when})
            for when in ("before", "after")
        ]
    return cases


@pytest.fixture(scope="module")
def finished(live_airflow) -> list[Case]:
    """Every case, run to its end by the live Airflow."""
    control, rest = live_airflow.control, live_airflow.rest
    spec = {"tenant": "crash", "workers": 1, "workerMemory": "1Gi"}
    shared = control.clusters.launch(spec)
    control.clusters.wait(shared.id, timeout=180)
    cases = list(one_in(5, all_cases()))
    for dag_id in {case.dag_id for case in cases}:
        assert wait_until(lambda dag_id=dag_id: rest.has_dag(dag_id), 120)
        rest.unpause(dag_id)
    for batch in batches(cases, live_airflow):
        run_to_the_end(live_airflow, batch, spec, shared)
    for case in cases:
        case.verdict = verdict(live_airflow, case)
    control.clusters.terminate(shared.id)
    return cases


def batches(cases: list[Case], live_airflow) -> list[list[Case]]:
    """What is run at the same time: everything, or on Kubernetes what one node has room for."""
    if live_airflow.control.platform.name == "local":
        return [cases]
    return [
        [case for case in cases if case.dag_id == dag_id]
        for dag_id in dict.fromkeys(it.dag_id for it in cases)
    ]


def run_to_the_end(live_airflow, cases: list[Case], spec: dict, shared: Cluster) -> None:
    rest = live_airflow.rest
    for case in cases:
        if case.operation == "submit":
            case.cluster = shared
        elif case.operation == "terminate":
            case.cluster = live_airflow.control.clusters.launch(spec)
        if case.cluster is not None:
            case.conf["cluster_id"] = case.cluster.id
        case.run_id = rest.trigger(case.dag_id, case.conf)
    ends = ("success", "failed")
    assert wait_until(
        lambda: all(rest.run_state(case.dag_id, case.run_id) in ends for case in cases), 2000, 2
    )


def verdict(live_airflow, case: Case) -> str:
    """What is wrong after a case, or nothing."""
    state = live_airflow.rest.run_state(case.dag_id, case.run_id)
    if state != "success":
        task = next(
            t for t in live_airflow.rest.tasks(case.dag_id, case.run_id) if t["task_id"] == case.task_id
        )
        return f"the run is {state}: {live_airflow.rest.task_log(task)[-2000:]}"
    if not (live_airflow.work / f"{case.run_id}.died").exists():
        return "its process was never killed"
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


def test_one_cluster_and_one_job_per_key_after_each_crash(finished, live_airflow, capsys):
    with capsys.disabled():
        print(f"\n{'operation':<10} {'path':<9} {'SIGKILL':<25} result")
        for case in finished:
            where = f"{case.when} {case.boundary}"
            print(f"{case.operation:<10} {case.path:<9} {where:<25} {case.verdict or 'one, once, none left'}")
    assert not [case for case in finished if case.verdict]
