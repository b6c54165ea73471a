"""One cluster check over 2,500, 5,000 and 10,000 clusters with ten jobs each: is it linear, and is memory flat?

    python benchmarks/upkeep_bench.py [--clusters 2500,5000,10000] [--on memory,kubernetes]

The registry is a real one in SQLite. The platform is first one that answers from memory, then the real one over the
API server of the tests' own Kubernetes, with a root and two pods for each cluster, on nodes that kwok plays.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.hooks.upkeep import owner_states
from dcluster_provider.platforms.settings import PlatformSettings
from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.models import cluster_table, job_table
from dcluster_provider.registry.rows import cluster_values, job_values
from dcluster_provider.registry.store import Registry

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

    from dcluster_provider.platforms.base import Platform

JOBS_OF_A_CLUSTER = 10  # the newest of which is live on every second cluster
DAGS = 200
IDLE = timedelta(days=3650)
NOW = datetime.now(timezone.utc)
NODES = 40


def main() -> None:
    """Measure each size in a process of its own, so that each has a peak of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clusters", default="2500,5000,10000")
    parser.add_argument("--on", default="memory,kubernetes")
    options = parser.parse_args()
    sizes = [int(size) for size in options.clusters.split(",")]
    columns = (
        "platform",
        "clusters",
        "jobs",
        "pass",
        "s",
        "CPU s",
        "s per 1,000",
        "SQL per 1,000",
        "platform calls per 1,000",
    )
    table = Table(*columns, "Airflow calls per 1,000", "ended", "MiB more than before")
    for platform in options.on.split(","):
        for size in sizes:
            for row in _measured(size, platform == "kubernetes"):
                table.add_row(platform, *row)
    Console(width=200).print(table)


def _measured(size: int, kubernetes: bool) -> list[tuple[str, ...]]:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=measure, args=(size, kubernetes, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the measurement of {size} clusters failed")
    rows: list[tuple[str, ...]] = answers.get()
    return rows


def measure(size: int, kubernetes: bool, answers: Any) -> None:
    """Two passes: one in which nothing is due, and one in which a twentieth of the clusters is."""
    with tempfile.TemporaryDirectory(prefix="dcluster-bench-") as folder:
        os.environ["AIRFLOW_HOME"] = folder
        url = f"sqlite:///{folder}/registry.db"
        clusters = fill(url, size, "kubernetes" if kubernetes else "local")
        if kubernetes:
            answers.put(_on_kubernetes(url, clusters))
        else:
            answers.put(passes(url, MemoryPlatform({each.name for each in clusters}), clusters))


def passes(url: str, platform: Platform, clusters: Sequence[Cluster]) -> list[tuple[str, ...]]:
    """Make the passes and tell what each took."""
    counts = Counting(platform)
    registry = Registry(url)
    home = Path(url.removeprefix("sqlite:///")).parent
    settings = Settings(
        conn_id="dcluster_default",
        registry_url=url,
        home=home,
        deployment="bench",
        platform_settings=PlatformSettings(deployment="bench"),
        idle_timeout=IDLE,
    )
    calls = Clusters(registry, counts, settings)
    upkeep = Upkeep(registry, counts, settings, calls, Jobs(registry, counts, settings, calls))
    event.listen(Engine, "before_cursor_execute", lambda *_: counts.add("SQL"))
    # The first pass saves what the rows do not say yet; its peak counts, its time does not.
    Airflow(counts, 0).install()
    before = _peak()
    upkeep.check_clusters(owner_states)
    rows = []
    for name, every in (("nothing due", 0), ("1 in 20 due", 20)):
        Airflow(counts, every).install()
        counts.reset()
        began, worked = time.monotonic(), time.process_time()
        report = upkeep.check_clusters(owner_states)
        took, worked = time.monotonic() - began, time.process_time() - worked
        per, ended = len(clusters) / 1000, report.done.get("ended", 0)
        called = [f"{counts.of(kind) / per:.1f}" for kind in ("SQL", "platform", "Airflow")]
        sizes = (f"{len(clusters):,}", f"{len(clusters) * JOBS_OF_A_CLUSTER:,}", name)
        times = (f"{took:.1f}", f"{worked:.1f}", f"{took / per:.2f}")
        rows.append((*sizes, *times, *called, str(ended), f"{_peak() - before:.0f}"))
    return rows


class Counting:
    """A platform whose calls are counted."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        self._counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """One call more."""
        self._counts[kind] += 1

    def of(self, kind: str) -> int:
        """How many there were."""
        return self._counts[kind]

    def reset(self) -> None:
        """Begin anew."""
        self._counts.clear()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._platform, name)
        if not callable(found):
            return found

        def call(*args: Any) -> Any:
            self.add("platform")
            return found(*args)

        return call


class Airflow:
    """What a task can ask, in place of Airflow's task interface; one in so many runs is over, none with 0."""

    def __init__(self, counts: Counting, every: int) -> None:
        self._counts = counts
        self._every = every

    def install(self) -> None:
        """Have the hook ask this one."""
        from airflow.sdk.execution_time import task_runner

        task_runner.SUPERVISOR_COMMS = self
        for name in ("get_dr_count", "get_dagrun_state", "get_task_states"):
            setattr(task_runner.RuntimeTaskInstance, name, staticmethod(getattr(self, name)))

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: Any = None) -> int:  # noqa: ARG002
        """How many of the runs are there, or live."""
        self._counts.add("Airflow")
        return sum(1 for run_id in run_ids if not states or not self._is_over(run_id))

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:  # noqa: ARG002
        """The state of one run."""
        self._counts.add("Airflow")
        return "success" if self._is_over(run_id) else "running"

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:  # noqa: ARG002
        """Every task has succeeded."""
        self._counts.add("Airflow")
        return {run_id: dict.fromkeys(task_ids, "success") for run_id in run_ids}

    def _is_over(self, run_id: str) -> bool:
        return bool(self._every) and int(run_id) % self._every == 0


class MemoryPlatform:
    """Clusters that are ready and jobs that run, until they are deleted."""

    name = "local"
    log_pause = 0.0

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def location_of(self, spec: ClusterSpec) -> str:  # noqa: ARG002
        """The one that there is."""
        return "memory"

    def observe_clusters(self, clusters: Sequence[Cluster]) -> dict[int, ClusterObservation]:
        """Ready, or gone."""
        ready, gone = (
            ClusterObservation(phase, workers_ready=1) for phase in (ClusterPhase.READY, ClusterPhase.ABSENT)
        )
        return {each.id: ready if each.name in self._names else gone for each in clusters}

    def observe_jobs(self, jobs: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation]:
        """At work."""
        return {job.id: JobObservation(JobPhase.RUNNING) for job, _ in jobs}

    def external_jobs(self) -> list[int]:
        """None: every cluster is its own."""
        return []

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        """Nothing: it goes with its cluster."""

    def delete_cluster(self, cluster: Cluster) -> None:
        """At once."""
        self._names.discard(cluster.name)

    def list_clusters(self) -> list[str]:
        """All there are."""
        return sorted(self._names)

    def busy_clusters(self, clusters: Sequence[Cluster]) -> dict[int, bool]:
        """None is."""
        return {each.id: False for each in clusters}


def fill(url: str, size: int, platform: str) -> list[Cluster]:
    """A registry of live clusters, each with ten jobs."""
    Registry(url).describe()
    database = Database(url)
    clusters = [_cluster(number, platform) for number in range(1, size + 1)]
    _insert(database, cluster_table, (cluster_values(each) for each in clusters))
    jobs = (_job(number) for number in range(1, size * JOBS_OF_A_CLUSTER + 1))
    _insert(database, job_table, (job_values(each) for each in jobs))
    return clusters


def _insert(database: Database, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, 5000)):
        with database.write() as connection:
            connection.execute(insert(table), chunk)


def _owner(number: int) -> Owner:
    return Owner("bench", f"dag{number % DAGS}", str(number), "launch")


def _cluster(number: int, platform: str) -> Cluster:
    return Cluster(
        id=number,
        name=f"spark3-dev-bench-{number:017d}",
        key=f"{number:032x}",
        generation=1,
        version=1,
        deployment="bench",
        conn_id="dcluster_default",
        platform=platform,
        spec=ClusterSpec(tenant="bench"),
        owner=_owner(number),
        state=ClusterState.RUNNING,
        created_at=NOW,
        state_since=NOW,
        last_used_at=NOW,
        workers_ready=1,
    )


def _job(number: int) -> Job:
    cluster = (number - 1) // JOBS_OF_A_CLUSTER + 1
    is_live = number % JOBS_OF_A_CLUSTER == 0 and cluster % 2 == 0
    return Job(
        id=0,
        key=f"job {number}",
        generation=1,
        version=1,
        deployment="bench",
        conn_id="dcluster_default",
        spec=JobSpec(client="bench", module=f"module{number}", application="/opt/jobs/report.py"),
        owner=_owner(cluster),
        state=JobState.RUNNING if is_live else JobState.SUCCEEDED,
        created_at=NOW,
        state_since=NOW,
        cluster_id=cluster,
        started_at=NOW,
    )


def _on_kubernetes(url: str, clusters: Sequence[Cluster]) -> list[tuple[str, ...]]:
    from testbed import running_testbed

    with running_testbed() as testbed:
        if testbed.kind != "built":
            print(f"needs nodes of kwok, which the {testbed.kind} cluster has not")
            return []
        testbed.add_fake_nodes(NODES)
        try:
            with testbed.namespace("bench", "baseline", end_seconds=1800) as namespace:
                return _passes_on(testbed, namespace, url, clusters)
        finally:
            testbed.remove_fake_nodes()


def _passes_on(
    testbed: BuiltTestbed, namespace: str, url: str, clusters: Sequence[Cluster]
) -> list[tuple[str, ...]]:
    from kubernetes.config import new_client_from_config

    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
    from dcluster_provider.platforms.kubernetes.api.paths import collection
    from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import root
    from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
    from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

    api = KubernetesApi(lambda: new_client_from_config(str(testbed.kubeconfig)))

    def make(cluster: Cluster) -> None:
        made = api.create(collection("ConfigMap", namespace), root(cluster, namespace))
        for role in ("master", "worker"):
            api.create(collection("Pod", namespace), _pod(cluster, role, made["metadata"]["uid"]))

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, clusters))
    print(f"{len(clusters)} roots and twice as many pods made in {time.monotonic() - began:.0f} s")
    settings = KubernetesSettings(namespace=namespace, deployment="bench")
    platform = KubernetesPlatform(settings, api)
    deadline = time.monotonic() + 600
    while not all(seen.phase is ClusterPhase.READY for seen in platform.observe_clusters(clusters).values()):
        if time.monotonic() > deadline:
            raise SystemExit("kwok did not get every pod ready in 600 s")
        time.sleep(2)
    return passes(url, platform, clusters)


def _pod(cluster: Cluster, role: Any, root_uid: str) -> dict[str, Any]:
    """A pod as kwok plays it: it is ready as soon as it has a node, and goes with its root."""
    from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels, metadata

    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(f"{cluster.name}-{role}-0", Place("", root_uid), cluster_labels(cluster, role))
        | {"namespace": None},
        "spec": {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": "kwok", "operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "engine", "image": "apache/spark:3.5.9"}],
        },
    }


def _peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
