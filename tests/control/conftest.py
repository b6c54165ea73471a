"""The use cases over a real SQLite registry and a platform in memory that does what it is told.

What it stands in for is run for real in tests/live, through the same use cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from connections import settings_for_local

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.connect import Control
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.records import utc_now
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.nodes.on_premises import OnPremises
from dcluster_provider.platforms.base import LogPart, Report
from dcluster_provider.registry.store import Registry


@dataclass
class MemoryPlatform:
    """Clusters are ready at once and jobs run until a test says otherwise."""

    name: str = "local"
    log_pause: float = 0.0
    nodes: Any = None
    location: str = "folder /here"
    clusters: dict[str, ClusterObservation] = field(default_factory=dict)
    jobs: dict[tuple[str, int], JobObservation] = field(default_factory=dict)
    refuses: Diagnosis | None = None
    unusable: Diagnosis | None = None
    applied: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    staged: list[int] = field(default_factory=list)
    savepoints: str = "/savepoints"
    unknown: list[str] = field(default_factory=list)
    cannot_list: bool = False
    busy: dict[str, bool | None] = field(default_factory=dict)
    asked_if_busy: list[str] = field(default_factory=list)
    resized: list[tuple[str, int]] = field(default_factory=list)
    slow_to_resize: bool = False
    asked_to_stop: list[tuple[int, str]] = field(default_factory=list)
    remains: set[int] = field(default_factory=set)  # of jobs on clusters that somebody else runs
    silent: bool = False
    logs: dict[int, str] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)  # jobs whose logs cannot be read just now

    def describe(self) -> str:
        return "in memory"

    def location_of(self, spec: ClusterSpec) -> str:
        return self.location

    def check_cluster(self, spec: ClusterSpec) -> None:
        pass

    def check_job(self, spec: JobSpec) -> None:
        pass

    def connect(self) -> None:
        if self.unusable:
            raise PlatformRefused("platform", self.unusable)

    def reconnect(self) -> None:
        pass

    def prepare(self, spec: ClusterSpec, report: Report) -> None:
        if self.refuses:
            raise PlatformRefused("engine", self.refuses)

    def apply_cluster(self, cluster: Cluster) -> None:
        if cluster.name not in self.clusters:
            self.applied.append(cluster.name)
            self.clusters[cluster.name] = ClusterObservation(
                ClusterPhase.READY, "spark://here:7077", "http://here:8080", cluster.spec.workers
            )

    def resize_cluster(self, cluster: Cluster) -> None:
        self.resized.append((cluster.name, cluster.spec.workers))
        if not self.slow_to_resize:
            self.clusters[cluster.name] = replace(
                self.clusters[cluster.name], workers_ready=cluster.spec.workers
            )

    def observe_clusters(self, clusters: Sequence[Cluster]) -> dict[int, ClusterObservation]:
        absent = ClusterObservation(ClusterPhase.ABSENT)
        return {cluster.id: self.clusters.get(cluster.name, absent) for cluster in clusters}

    def delete_cluster(self, cluster: Cluster) -> None:
        self.connect()
        self.clusters.pop(cluster.name, None)

    def stage_job(self, job: Job, cluster: Cluster) -> None:
        self.staged.append(job.id)

    def on_change(self, told):
        return lambda: None

    def apply_job(self, job: Job, cluster: Cluster) -> None:
        place = (job.key, job.generation)
        if cluster.is_external:
            self.remains.add(job.id)
        if place not in self.jobs:
            self.started.append(job.module)
            self.jobs[place] = JobObservation(JobPhase.RUNNING)

    def observe_jobs(self, jobs: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation]:
        self.connect()
        absent = JobObservation(JobPhase.ABSENT)
        for job, _ in jobs:
            if job.savepoint_request is not None:
                wish = (job.id, job.savepoint_request.isoformat())
                self.asked_to_stop += [wish] if wish not in self.asked_to_stop else []
        return {job.id: self.jobs.get((job.key, job.generation), absent) for job, _ in jobs}

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        return self.savepoints

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        self.jobs[job.key, job.generation] = JobObservation(JobPhase.KILLED, exit_code=143)

    def end_job(self, job: Job, cluster: Cluster, outcome: JobObservation) -> None:
        if self.silent:
            raise PlatformUnavailable("no answer")
        self.jobs[job.key, job.generation] = outcome

    def of(self, job: Job) -> JobObservation:
        return self.jobs[job.key, job.generation]

    def delete_job(self, job: Job, cluster: Cluster) -> bool:
        if self.silent:
            raise PlatformUnavailable("no answer")
        there = job.id in self.remains
        self.remains.discard(job.id)
        return there

    def external_jobs(self) -> list[int]:
        return sorted(self.remains)

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        if job.id in self.unreadable:
            raise PlatformUnavailable("the node does not answer")
        log = self.logs.get(job.id, "")
        return LogPart(log[start:], max(start, len(log)))

    def list_clusters(self) -> list[str]:
        if self.cannot_list:
            raise PlatformUnavailable("no answer")
        return [*self.clusters, *self.unknown]

    def busy_clusters(self, clusters: Sequence[Cluster]) -> dict[int, bool]:
        self.asked_if_busy += [cluster.name for cluster in clusters]
        answers = {cluster.id: self.busy.get(cluster.name, False) for cluster in clusters}
        return {number: busy for number, busy in answers.items() if busy is not None}

    def delete_unknown(self, name: str) -> bool:
        self.unknown.remove(name)
        return True

    def set_cluster(
        self, cluster: Cluster, phase: ClusterPhase, workers: int = 0, code: DiagnosisCode | None = None
    ) -> None:
        diagnosis = Diagnosis(code, "It broke.", "Mend it.") if code else None
        seen = self.clusters.get(cluster.name, ClusterObservation(phase))
        self.clusters[cluster.name] = replace(seen, phase=phase, workers_ready=workers, diagnosis=diagnosis)

    def set_job(self, job: Job, phase: JobPhase, exit_code: int | None = None, **more: Any) -> None:
        self.jobs[job.key, job.generation] = JobObservation(phase, exit_code=exit_code, **more)


@pytest.fixture
def platform() -> MemoryPlatform:
    return MemoryPlatform()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for_local(tmp_path, tmp_path / "engines")


@pytest.fixture
def control(settings: Settings, platform: MemoryPlatform) -> Control:
    registry = Registry(settings.registry_url)
    clusters = Clusters(registry, platform, settings)
    jobs = Jobs(registry, platform, settings, clusters)
    nodes = Nodes(registry, OnPremises(settings.conn_id), None, settings)
    upkeep = Upkeep(registry, platform, settings, clusters, jobs)
    return Control(
        clusters=clusters, jobs=jobs, nodes=nodes, upkeep=upkeep, registry=registry, platform=platform
    )


@pytest.fixture
def later(control, monkeypatch):
    """Have a pass begin so much later than the test did, however long the test takes."""
    began = utc_now()

    def move(**by):
        moved = timedelta(**by)
        monkeypatch.setattr("dcluster_provider.control.upkeep.upkeep.utc_now", lambda: began + moved)

    move(seconds=0)
    return move
