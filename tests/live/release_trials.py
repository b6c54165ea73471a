"""What a release of an engine is tried with, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, until

from dcluster_provider.control.connect import Control
from dcluster_provider.control.savepoints import raise_if_savepoint_failed
from dcluster_provider.core.errors import JobFailed
from dcluster_provider.core.record import Cluster, Job, JobState

TABLE = "releases of the engines"


@dataclass
class Release:
    """A cluster of a release.

    :param library: the release's jars on this machine, which jars are compiled with.
    :param folder: that its jobs may write to.
    """

    control: Control
    cluster: Cluster
    library: Path
    folder: Path

    def run(self, application: Path, *args: str, **fields: Any) -> str:
        """The log of a job that succeeds."""
        job = self.submit(application, *args, **fields)
        assert self.control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
        return self.control.jobs.logs(job.id)

    def at_work(self, application: Path, *args: str, **fields: Any) -> Job:
        """A job that runs."""
        job = self.submit(application, *args, **fields)
        return self.control.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS)

    def stop(self, job: Job) -> None:
        """End a job; nobody else does."""
        self.control.jobs.terminate(job.id)
        assert self.control.jobs.wait(job.id, [JobState.KILLED], HANG_SECONDS).state is JobState.KILLED

    def submit(self, application: Path, *args: str, **fields: Any) -> Job:
        """A job on the cluster."""
        spec = {
            "client": "team",
            "module": application.stem,
            "jobType": self.cluster.type,
            "args": list(args),
        }
        spec |= {"clusterId": self.cluster.id, "application": str(application), "driverMemGb": 0.5}
        return self.control.jobs.submit(spec | fields, report=print)

    def jar(self, name: str) -> Path:
        """A jar of one of the applications in Java."""
        return build_jar(self.folder / name, APPLICATIONS / f"{name}.java", self.library)


def try_spark(release: Release) -> str:
    """Run programs and a jar to their ends, of each kind; what was shown."""
    assert "pi is roughly 3.1" in release.run(APPLICATIONS / "spark_pi.py", "2")
    assert "rows 10" in release.run(release.jar("Rows"))
    with pytest.raises(JobFailed, match="KeyError: 'usd'"):
        release.run(APPLICATIONS / "raises.py")
    release.stop(release.at_work(APPLICATIONS / "endless.py"))
    return "launch, PySpark, jar, log, failure named, stop"


def try_flink(release: Release) -> str:
    """Run a program, a file of SQL and a jar to their ends, of each kind, and one over a savepoint; what was shown."""
    assert "to be 2 2" in release.run(APPLICATIONS / "flink_words.py")
    sql = release.folder / "answer.sql"
    sql.write_text("SELECT 40 + 2 AS answer;\n", encoding="utf-8")
    assert "42" in release.run(sql)
    release.run(release.jar("Numbers"))
    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        release.run(APPLICATIONS / "flink_fails.py", "task")
    _go_over_a_savepoint(release)
    return "launch, PyFlink, SQL, jar, log, failure named, savepoint and on from it, stop"


def _go_over_a_savepoint(release: Release) -> None:
    counted, jar = release.folder / "counted", release.jar("Counting")
    first = release.at_work(jar, str(counted))
    until(lambda: len(_lines(counted)), lambda seen: seen > 20)
    release.control.jobs.terminate(first.id, savepoint=True)
    done = release.control.jobs.wait(first.id, timeout=HANG_SECONDS, on_poll=raise_if_savepoint_failed)
    before = len(_lines(counted))
    second = release.at_work(jar, str(counted), savepoint=done.savepoint)
    until(lambda: len(_lines(counted)), lambda seen: seen > before + 20)
    release.stop(second)
    lines = _lines(counted)
    assert lines == [f"{number} {number}\n" for number in range(1, len(lines) + 1)]


def _lines(counted: Path) -> list[str]:
    lines = counted.read_text().splitlines(keepends=True) if counted.exists() else []
    return [line for line in lines if line.endswith("\n")]
