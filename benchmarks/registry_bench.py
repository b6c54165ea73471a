"""How long the registry's calls take with a million jobs in it.

    python benchmarks/registry_bench.py [--jobs N] [--calls N] [--url postgresql+psycopg2://...]

Without ``--url`` it fills a SQLite file in a temporary folder; a PostgreSQL database given by URL has to be empty.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from statistics import quantiles
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, text

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner, fresh_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.models import cluster_table, event_table, job_table
from dcluster_provider.registry.rows import cluster_values, job_values
from dcluster_provider.registry.store import Registry

JOBS_OF_A_CLUSTER = 10
CLIENTS = 1000
MODULES = 50
LIVE = 500  # the newest jobs, which have not ended
LIVE_CLUSTERS = 1000  # the newest clusters, which take jobs
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
ENDED = [JobState.SUCCEEDED] * 8 + [JobState.FAILED, JobState.KILLED]


def main() -> None:
    """Fill the registry and print how long each call takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=1000, help="calls of each kind")
    parser.add_argument("--url", help="an empty PostgreSQL database instead of SQLite")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="dcluster-bench-") as folder:
        url = options.url or f"sqlite:///{folder}/registry.db"
        started = time.monotonic()
        fill(url, options.jobs)
        took = time.monotonic() - started
        console.print(
            f"{url.partition(':')[0]}: {options.jobs:,} jobs and their events stored in {took:.0f} s"
        )
        table = Table("call", "rows", "p50 ms", "p99 ms", "max ms", "CPU p50 ms", "CPU p99 ms")
        for name, call in calls(Registry(url), options.jobs).items():
            rows, elapsed, worked = measure(call, options.calls)
            figures = (*quantiles(elapsed, n=100)[49::49], max(elapsed), *quantiles(worked, n=100)[49::49])
            table.add_row(name, f"{rows:.0f}", *(f"{figure:.2f}" for figure in figures))
        console.print(table)


def measure(call: Callable[[int], Any], times: int) -> tuple[float, list[float], list[float]]:
    """Call so many times.

    :returns: the mean number of rows that a call answers with; for each call the milliseconds that it took, and
        those in which it had a processor: on a busy machine the rest is waiting for one, or for the disk.
    """
    elapsed, worked, rows = [], [], 0
    for number in range(times):
        started, began = time.perf_counter(), time.thread_time()
        answer = call(number)
        worked.append((time.thread_time() - began) * 1000)
        elapsed.append((time.perf_counter() - started) * 1000)
        rows += len(answer) if isinstance(answer, list) else 1
    return rows / times, elapsed, worked


def calls(registry: Registry, jobs: int) -> dict[str, Callable[[int], Any]]:
    """What is measured; each call gets its number."""
    chance = random.Random(1)  # noqa: S311 - the same calls in every run
    now = BEGIN + timedelta(seconds=jobs)
    clusters = jobs // JOBS_OF_A_CLUSTER
    request = {"deployment": "bench", "conn_id": "dcluster_default", "owner": None}
    saved_job = registry.jobs.get(jobs)
    saved_cluster = registry.clusters.get(clusters)

    def live_cluster(number: int) -> int:
        return clusters - number % min(LIVE_CLUSTERS, clusters)

    def claim_job(number: int) -> Any:
        spec = JobSpec(client=f"client{number % CLIENTS}", module=f"new module {number}")
        return registry.jobs.claim(
            key=fresh_key(),
            spec=spec,
            cluster_id=live_cluster(number),
            owns_cluster=False,
            now=now,
            **request,
        )

    def adopt_job(number: int) -> Any:
        key = f"job {jobs - number % LIVE}"
        spec = saved_job.spec
        cluster_id = live_cluster(number)
        return registry.jobs.claim(
            key=key, spec=spec, cluster_id=cluster_id, owns_cluster=False, now=now, **request
        )

    def claim_cluster(number: int) -> Any:
        spec = ClusterSpec(tenant=f"client{number % CLIENTS}")
        at = now + timedelta(seconds=number)
        return registry.clusters.claim(
            key=fresh_key(), spec=spec, env="dev", platform="local", now=at, **request
        )

    def save_job(number: int) -> Any:
        nonlocal saved_job
        state = JobState.RUNNING if number % 2 else JobState.SUBMITTED
        at = now + timedelta(seconds=number)
        saved_job = registry.jobs.save(replace(saved_job, state=state, state_since=at))
        return saved_job

    def save_cluster(number: int) -> Any:
        nonlocal saved_cluster
        state = ClusterState.RUNNING if number % 2 else ClusterState.DEGRADED
        saved_cluster = registry.clusters.save(replace(saved_cluster, state=state, workers_ready=number))
        return saved_cluster

    def any_client() -> str:
        return f"client{chance.randrange(CLIENTS)}"

    def owner(number: int) -> Owner:
        return replace(_owner(jobs - number % LIVE), epoch=1)

    ended = [JobState.SUCCEEDED, JobState.FAILED]
    live = [state for state in JobState if not state.is_final]
    return {
        "claim_job, new": claim_job,
        "claim_job, adopted": adopt_job,
        "claim_cluster, new": claim_cluster,
        "save_job, new state": save_job,
        "save_cluster, new state": save_cluster,
        "get_job": lambda _: registry.jobs.get(chance.randint(1, jobs)),
        "get_cluster": lambda _: registry.clusters.get(chance.randint(1, jobs // JOBS_OF_A_CLUSTER)),
        "find_duplicate": lambda _: registry.jobs.find_duplicate(
            any_client(), f"module{chance.randrange(MODULES)}"
        ),
        "live_jobs_of_older_epochs": lambda number: registry.jobs.live_of_older_epochs(owner(number)),
        "list_jobs, live of a cluster": lambda number: registry.jobs.list(
            states=live, cluster_id=(jobs - number % LIVE) // JOBS_OF_A_CLUSTER
        ),
        "list_jobs, a state, 20": lambda _: registry.jobs.list(states=[JobState.SUCCEEDED], limit=20),
        "list_jobs, a state, 100": lambda _: registry.jobs.list(states=[JobState.SUCCEEDED], limit=100),
        "list_jobs, two states, 20, somewhere": lambda _: registry.jobs.list(
            states=ended, limit=20, after_id=chance.randint(1, jobs)
        ),
        "list_jobs, of a client, 20": lambda _: registry.jobs.list(client=any_client(), limit=20),
        "list_jobs, a state, 1000": lambda _: registry.jobs.list(states=[JobState.SUCCEEDED]),
        "list_clusters, 20": lambda _: registry.clusters.list(limit=20),
    }


def fill(url: str, jobs: int) -> None:
    """Store the jobs, a cluster for each ten of them, and an event for each."""
    Registry(url).describe()
    database = Database(url)
    chance = random.Random(0)  # noqa: S311 - the same rows in every run
    last = jobs // JOBS_OF_A_CLUSTER
    clusters = (_cluster(number, is_live=number > last - LIVE_CLUSTERS) for number in range(1, last + 1))
    _insert(database, cluster_table, (cluster_values(cluster) for cluster in clusters))
    _insert(database, job_table, (job_values(_job(number, jobs, chance)) for number in range(1, jobs + 1)))
    _insert(database, event_table, (_event(number) for number in range(1, jobs + 1)))
    if database.file is None:
        # As PostgreSQL does by itself in a while; SQLite never does.
        with database.write() as connection:
            connection.execute(text("ANALYZE"))


def _insert(database: Database, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, 20_000)):
        with database.write() as connection:
            connection.execute(insert(table), chunk)


def _owner(number: int) -> Owner:
    return Owner("bench", f"dag{number % 500}", f"run{number // 500}", "submit")


def _cluster(number: int, *, is_live: bool) -> Cluster:
    at = BEGIN + timedelta(seconds=number * JOBS_OF_A_CLUSTER)
    return Cluster(
        id=0,
        name=f"spark3-dev-client{number % CLIENTS}-{number}",
        key=f"cluster {number}",
        generation=1,
        version=1,
        deployment="bench",
        conn_id="dcluster_default",
        platform="local",
        spec=ClusterSpec(tenant=f"client{number % CLIENTS}"),
        owner=_owner(number),
        state=ClusterState.RUNNING if is_live else ClusterState.TERMINATED,
        created_at=at,
        state_since=at,
        last_used_at=at,
    )


def _job(number: int, jobs: int, chance: random.Random) -> Job:
    at = BEGIN + timedelta(seconds=number)
    return Job(
        id=0,
        key=f"job {number}",
        generation=1,
        version=1,
        deployment="bench",
        conn_id="dcluster_default",
        spec=JobSpec(
            client=f"client{chance.randrange(CLIENTS)}",
            module=f"module{chance.randrange(MODULES)}",
            application="/opt/applications/report.py",
            extra_cmd={"spark.executor.instances": 2},
        ),
        owner=_owner(number),
        state=JobState.RUNNING if number > jobs - LIVE else chance.choice(ENDED),
        created_at=at,
        state_since=at,
        cluster_id=(number - 1) // JOBS_OF_A_CLUSTER + 1,
        started_at=at,
    )


def _event(number: int) -> dict[str, Any]:
    owner = _owner(number)
    return {
        "at": BEGIN + timedelta(seconds=number),
        "actor": str(owner),
        "action": "REQUESTED",
        "cluster_id": (number - 1) // JOBS_OF_A_CLUSTER + 1,
        "job_id": number,
        "dag_id": owner.dag_id,
        "run_id": owner.run_id,
        "task_id": owner.task_id,
        "detail": "",
    }


if __name__ == "__main__":
    main()
