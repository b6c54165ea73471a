"""Where the files of a cluster are.

HOME/clusters/NAME/   plan.json, conf/, work/, processes/ROLE/, jobs/JOB/: gone when the cluster is gone
HOME/logs/NAME/       ROLE.log, jobs/JOB/ (log, outcome), ended, lock: stay for a while after it
HOME/environments/    packages that jobs require: stay for a while after the last job with equal requirements
HOME/savepoints/      savepoints of Flink jobs: the user's, never removed
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.record import Job
from dcluster_provider.platforms.local.processes.process import Life, Process

ENVIRONMENTS = "environments"


@dataclass(frozen=True)
class ClusterPlace:
    """The folders and files of one cluster."""

    home: Path
    name: str

    @property
    def folder(self) -> Path:
        """What exists as long as the cluster."""
        return self.home / "clusters" / self.name

    @property
    def disk(self) -> Path:
        """The nearest folder that is there of the cluster's, on the disk that the cluster is written to."""
        return next(path for path in (self.folder, *self.folder.parents) if path.exists())

    @property
    def plan(self) -> Path:
        """What was decided once, before anything was started."""
        return self.folder / "plan.json"

    @property
    def conf(self) -> Path:
        """Configuration of the engine; holds secrets."""
        return self.folder / "conf"

    @property
    def work(self) -> Path:
        """Temporary files of the engine."""
        return self.folder / "work"

    @property
    def logs(self) -> Path:
        """What stays after the cluster."""
        return self.home / "logs" / self.name

    @property
    def savepoints(self) -> Path:
        """Savepoints of Flink jobs: other clusters start jobs from them."""
        return self.home / "savepoints"

    @property
    def ended(self) -> Path:
        """Made when the cluster's end is asked for: it can never be made again."""
        return self.logs / "ended"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or ends something of the cluster."""
        return self.logs / "lock"

    def process(self, role: str) -> Process:
        """The process of a role (``master``, ``worker-0`` ...)."""
        return Process(self.folder / "processes" / role)

    def log(self, role: str) -> Path:
        """The log of a role's process."""
        return self.logs / f"{role}.log"

    def are_over(self, roles: Iterable[str]) -> bool:
        """Whether the processes of these roles have ended or can never begin."""
        states = (self.process(role).state() for role in roles)
        return all(state.is_over or (state.life is Life.NEW and state.stopped) for state in states)

    def job(self, job: Job) -> JobPlace:
        """The folders and files of one of its jobs."""
        return JobPlace(self, f"{job.id}-{job.generation}")

    def jobs(self) -> list[JobPlace]:
        """The jobs that were ever started or stopped on the cluster."""
        return [JobPlace(self, path.name) for path in sorted((self.logs / "jobs").glob("*-*"))]


@dataclass(frozen=True)
class JobPlace:
    """The folders and files of one job."""

    cluster: ClusterPlace
    name: str

    @property
    def folder(self) -> Path:
        """The job's process, log and outcome."""
        return self.cluster.logs / "jobs" / self.name

    @property
    def process(self) -> Process:
        """The driver or client process; a jar on Flink has none."""
        return Process(self.folder)

    @property
    def log(self) -> Path:
        """What the driver or client printed."""
        return self.folder / "log"

    @property
    def has_process(self) -> bool:
        """A driver or client was started."""
        return (self.folder / "started.json").exists()

    @property
    def submitted(self) -> Path:
        """Made when Flink has accepted the job's jar."""
        return self.folder / "submitted"

    @property
    def facts(self) -> Path:
        """What the engine's client library said of the job, without what the application prints."""
        return self.folder / "facts"

    @property
    def verdict(self) -> Path:
        """Why the job was ended by the platform."""
        return self.folder / "verdict.json"

    @property
    def conf(self) -> Path:
        """The job's configuration; holds secrets and goes with the cluster."""
        return self.cluster.folder / "jobs" / self.name
