"""Every test of the registry runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.registry.store import Claim, Registry

NOW = datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=timezone.utc)
OWNER = Owner("deployment", "daily", "manual__2026-03-29", "launch")


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/registry.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def registry(registry_url: str) -> Registry:
    return Registry(registry_url)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def owner() -> Owner:
    return OWNER


def _claim_cluster(
    registry: Registry, key: str = "key", owner: Owner | None = OWNER, **changes: Any
) -> Claim:
    request = {"env": "dev", "deployment": "deployment", "conn_id": "dcluster_default", "platform": "local"}
    request |= {"replace_terminating": False, "location": ""}
    request |= {"now": NOW, "owner": owner}
    request |= {name: changes.pop(name) for name in set(request) & set(changes)}
    return registry.clusters.claim(key=key, spec=ClusterSpec(**{"tenant": "team"} | changes), **request)


def _claim_job(registry: Registry, key: str = "key", owner: Owner | None = OWNER, **changes: Any) -> Claim:
    request = {"deployment": "deployment", "conn_id": "dcluster_default", "cluster_id": 1}
    request |= {"owns_cluster": False, "now": NOW, "owner": owner}
    request |= {name: changes.pop(name) for name in set(request) & set(changes)}
    spec = JobSpec(**{"client": "team", "module": "report"} | changes)
    return registry.jobs.claim(key=key, spec=spec, **request)


@pytest.fixture
def claim_cluster() -> Callable[..., Claim]:
    """Claim a cluster of ``team``; keyword arguments replace the request's, or go into its specification."""
    return _claim_cluster


@pytest.fixture
def claim_job() -> Callable[..., Claim]:
    """Claim the job ``report`` of ``team``; keyword arguments as for ``claim_cluster``."""
    return _claim_job


@pytest.fixture
def in_processes() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Call a function in so many processes at once, each with its number; returns what they returned."""
    return _in_processes


def _in_processes(count: int, work: Callable[[int], Any]) -> list[Any]:
    context = multiprocessing.get_context("fork")
    together = context.Barrier(count)
    answers = context.SimpleQueue()

    def run(number: int) -> None:
        try:
            together.wait(HANG_SECONDS)
            answers.put((number, work(number), None))
        except BaseException as error:  # noqa: BLE001 - told to the parent, which fails
            answers.put((number, None, f"{type(error).__name__}: {error}"))
            os._exit(1)

    processes = [context.Process(target=run, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    results = sorted((answers.get() for _ in processes), key=lambda answer: answer[0])
    for process in processes:
        process.join()
    errors = [error for _, _, error in results if error]
    assert not errors
    return [answer for _, answer, _ in results]
