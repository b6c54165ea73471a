"""Clusters and jobs for tests of the local platform, and waiting for what becomes of them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest
from hanging import HANG_SECONDS
from testbed.cache import engines_folder

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import cluster_name, fresh_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.local.platform import LocalPlatform, LocalSettings
from dcluster_provider.platforms.local.processes.termination import census

APPLICATIONS = Path(__file__).parent / "live" / "applications"
ENDED = (JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.KILLED, JobPhase.LOST)

NOW = datetime.now(timezone.utc)
_numbers = itertools.count(1)


def make_cluster(deployment: str = "tests", **fields) -> Cluster:
    number = next(_numbers)
    spec = ClusterSpec(**{"tenant": "team"} | fields)
    return Cluster(
        id=number,
        name=cluster_name(spec.type, "test", spec.tenant, datetime.now(timezone.utc), f"n{number}"),
        key=fresh_key(),
        generation=1,
        version=1,
        deployment=deployment,
        conn_id="dcluster_default",
        platform="local",
        spec=spec,
        owner=None,
        state=ClusterState.REQUESTED,
        created_at=NOW,
        state_since=NOW,
        last_used_at=NOW,
    )


def make_job(cluster: Cluster, *, owns_cluster: bool = False, **fields) -> Job:
    spec = JobSpec(**{"client": "team", "module": "etl", "job_type": cluster.type} | fields)
    return Job(
        id=next(_numbers),
        key=fresh_key(),
        generation=1,
        version=1,
        deployment=cluster.deployment,
        conn_id="dcluster_default",
        spec=spec,
        owner=None,
        state=JobState.REQUESTED,
        created_at=NOW,
        state_since=NOW,
        cluster_id=cluster.id,
        owns_cluster=owns_cluster,
    )


def local_settings(home: Path, **fields) -> LocalSettings:
    """Settings with the engines that all tests of this user share."""
    return LocalSettings(home=home, engines_folder=engines_folder(), deployment="tests", **fields)


@contextmanager
def local_platform(home: Path, engine: str, **fields):
    """A platform whose engine is installed; every cluster of it is ended in the end, and nothing may be left."""
    settings = local_settings(home, **fields)
    platform = LocalPlatform(settings)
    platform.prepare(ClusterSpec(tenant="team", type=engine), print)
    try:
        yield platform
    finally:
        left = {path.name for path in (home / "clusters").glob("[!.]*")} | {
            path.name for path in (home / "logs").glob("*")
        }
        for name in left:
            platform.delete_cluster(_named(name, engine))
        assert not [folder for folder in census() if folder.is_relative_to(home)]


def _named(name: str, engine: str) -> Cluster:
    from dataclasses import replace

    return replace(make_cluster(type="flink" if engine == "flink" else "spark3"), name=name)


def until(look, wanted):
    """The first look that is wanted; fails with the last one when none comes."""
    deadline = time.monotonic() + HANG_SECONDS
    seen = look()
    while not wanted(seen):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {HANG_SECONDS} s; seen last: {seen}")
        time.sleep(0.1)
        seen = look()
    return seen


def observe(platform: LocalPlatform, cluster: Cluster) -> ClusterObservation:
    return platform.observe_clusters([cluster])[cluster.id]


def observe_job(platform: LocalPlatform, job: Job, cluster: Cluster) -> JobObservation | None:
    return platform.observe_jobs([(job, cluster)]).get(job.id)


def launch(platform: LocalPlatform, **fields) -> Cluster:
    """A cluster that is ready."""
    cluster = make_cluster(**fields)
    platform.check_cluster(cluster.spec)
    platform.apply_cluster(cluster)
    decided = (ClusterPhase.READY, ClusterPhase.BROKEN)
    seen = until(lambda: observe(platform, cluster), lambda seen: seen.phase in decided)
    assert seen.phase is ClusterPhase.READY, seen.diagnosis.render()
    return cluster


def submit(platform: LocalPlatform, cluster: Cluster, **fields) -> Job:
    """A job that was started."""
    job = make_job(cluster, **fields)
    platform.check_job(job.spec)
    platform.apply_job(job, cluster)
    return job


def outcome(platform: LocalPlatform, job: Job, cluster: Cluster) -> JobObservation:
    """How a job ended."""
    return until(lambda: observe_job(platform, job, cluster), lambda seen: seen and seen.phase in ENDED)


def running(platform: LocalPlatform, job: Job, cluster: Cluster) -> JobObservation:
    """A job at work."""
    decided = (JobPhase.RUNNING, *ENDED)
    seen = until(
        lambda: observe_job(platform, job, cluster),
        lambda seen: seen and seen.phase in decided,
    )
    assert seen.phase is JobPhase.RUNNING, seen
    return seen


def whole_log(platform: LocalPlatform, job: Job, cluster: Cluster) -> str:
    """All that is in a job's log, read in small pieces."""
    text, at = "", 0
    while part := platform.read_log(job, cluster, at, 5000):
        if not part.text:
            return text
        text, at = text + part.text, part.end
    return text


def process_of(platform: LocalPlatform, cluster: Cluster, role: str):
    """The engine's own process of a role, not the one that watches it."""
    folder = platform.settings.home / "clusters" / cluster.name / "processes" / role
    return _java(folder)


def driver_of(platform: LocalPlatform, job: Job, cluster: Cluster):
    """The driver or client of a job."""
    return _java(platform.settings.home / "logs" / cluster.name / "jobs" / f"{job.id}-{job.generation}")


def _java(folder: Path):
    """The runner's child, once there is one."""

    def children():
        parents = answers(census().get(folder, []), psutil.Process.ppid)
        numbers = {member.pid for member, _ in parents}
        runners = {member.pid for member, parent in parents if parent not in numbers}
        return [member for member, parent in parents if parent in runners]

    return until(children, bool)[0]


def answers(
    processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], Any]
) -> list[tuple[psutil.Process, Any]]:
    """What each process answers; those that have ended since they were found are left out."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found.append((process, ask(process)))
    return found


def build_jar(folder: Path, source: Path, library: Path) -> Path:
    """A jar of one class, which it names as its main class."""
    if shutil.which("javac") is None:
        pytest.skip("no javac on the path: a JDK is needed to build the jar of the test")
    classes = folder / "classes"
    subprocess.run(["javac", "-cp", f"{library}/*", "-d", classes, source], check=True)
    jar, name = folder / f"{source.stem}.jar".lower(), source.stem
    subprocess.run(["jar", "--create", "--file", jar, "--main-class", name, "-C", classes, "."], check=True)
    return jar
