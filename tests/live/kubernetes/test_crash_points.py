"""Whoever submits a job is killed between any two requests; whoever asks again with the same key gets one run of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.control.connect import Control
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.record import Cluster, Job, JobState
from tests.live.kubernetes.conftest import ENDED, GONE, SMALL_FLINK, Bench, gone, running, until
from tests.live.kubernetes.killed_submission import plan
from tests.live.kubernetes.their_clusters import their_spark
from tests.live.trials import one_in

if TYPE_CHECKING:
    from result_tables import Tables

ROOT = Path(__file__).parents[3]
APPLICATIONS = Path(__file__).parents[1] / "applications"
AT_ONCE = 3
OWN_CLUSTER = "the job's own cluster"  # what the key of a job's own cluster is derived with


@dataclass(frozen=True)
class Outcome:
    """What became of a submission that was cut short.

    :param seconds: from the second submission to the job's end.
    :param counts: how often the job ran, the jobs of its key, and the clusters of its own.
    """

    way: str
    boundary: str
    seconds: float
    job: Job
    counts: tuple[int, int, int]

    def line(self) -> str:
        """The outcome as a line of a table."""
        runs, jobs, clusters = self.counts
        return (
            f"{self.way:<20} killed {self.boundary:<36} {self.seconds:6.1f} s  {self.job.state.value}, "
            f"ran {runs} time(s), {jobs} job(s), {clusters} cluster(s)"
        )


@dataclass(frozen=True)
class Way:
    """A way to run a job.

    :param cluster: the job's; none when it gets one of its own.
    :param external: the job's, when somebody else runs it.
    """

    name: str
    bench: Bench
    control: Control
    cluster: Cluster | None = None
    external: ExternalCluster | None = None

    def spec(self, key: str) -> dict[str, Any]:
        """A job that leaves a line each time it runs."""
        folder, name = self.bench.connection.folder, "once_flink.py" if self.cluster else "once.py"
        shutil.copy(APPLICATIONS / name, folder)
        spec = {"client": "team", "module": key, "application": f"local://{folder}/{name}", "args": [key]}
        if self.external is not None:
            return spec | {
                "driverMemGb": 0.5,
                "useExternalCluster": True,
                "extraCmd": {"spark.cores.max": "1"},
            }
        if self.cluster is None:
            return spec | {"driverMemGb": 0.5, "numWorkers": 1, "workerMemGb": 0.5, "workerCpu": 1}
        return spec | {"driverMemGb": 0.5, "clusterId": self.cluster.id, "jobType": "flink"}

    def requests(self) -> list[str]:
        """The requests of a submission that nobody kills, up to the end of what was made for it."""
        done = self._run(fresh_key(), 0, "")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def cut_short(self, number: int, when: str, request: str) -> Outcome:
        """What becomes of a submission that was killed at a request, once another process submits the same."""
        key = fresh_key()
        killed = self._run(key, number, when)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        began = time.monotonic()
        job = self.control.jobs.submit(self.spec(key), key)
        job = self.control.jobs.wait(job.id, ENDED, timeout=HANG_SECONDS, poll_interval=0.5)
        seconds = time.monotonic() - began
        clusters = [
            each for each in self.control.clusters.list() if each.key == derived_key(key, OWN_CLUSTER)
        ]
        for cluster in clusters:
            self.control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.5)
        ran = self.bench.connection.folder / f"{key}.ran"
        runs = len(ran.read_text().splitlines()) if ran.exists() else 0
        jobs = [each for each in self.control.jobs.list() if each.key == key]
        return Outcome(self.name, f"{when} {request}", seconds, job, (runs, len(jobs), len(clusters)))

    def _run(self, key: str, number: int, when: str) -> subprocess.CompletedProcess[str]:
        connection, settings = self.bench.connection, self.control.platform.settings
        wanted = plan(
            self.bench.home, connection.kubeconfig, settings, self.spec(key), key, external=self.external
        )
        program = "tests.live.kubernetes.killed_submission"
        return subprocess.run(
            [sys.executable, "-m", program, json.dumps(wanted | {"number": number, "when": when})],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )


def test_a_job_with_executors_of_its_own(bench, tables):
    _try_all(Way("own executors", bench, bench.control()), ("before", "after"), tables)
    assert bench.left() == []


@pytest.mark.long
def test_a_job_with_a_standalone_cluster_of_its_own(bench, tables):
    # What is between the answer to a request and the next one was tried above; it is the same code.
    way = Way("standalone cluster", bench, bench.control(driver_service_account=""))
    _try_all(way, ("after",), tables)
    assert bench.left() == []


@pytest.mark.long
def test_a_flink_job_on_a_session(bench, tables):
    control = bench.control()
    cluster = running(control, SMALL_FLINK | {"workers": 2})
    _try_all(Way("Flink session", bench, control, cluster), ("before", "after"), tables)
    gone(control, cluster)
    assert bench.left() == []


@pytest.mark.long
def test_a_job_on_a_cluster_that_somebody_else_runs(bench, testbed, tables):
    with their_spark(testbed) as spark:
        way = Way("external cluster", bench, bench.control(external_clusters=(spark,)), external=spark)
        _try_all(way, ("before", "after"), tables)
    assert until(lambda: bench.left() == [])


def _try_all(way: Way, whens: tuple[str, ...], tables: Tables) -> None:
    requests = way.requests()
    trials = [(number, when) for number in range(1, len(requests) + 1) for when in whens]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = [
            pool.submit(way.cut_short, number, when, requests[number - 1])
            for number, when in one_in(8, trials)
        ]
    for outcome in (each.result() for each in tried):
        tables.add("submissions killed at a request, and what came of the next one", outcome.line())
        assert outcome.job.state is JobState.SUCCEEDED, outcome.job.diagnosis
        assert outcome.counts == (1, 1, 0 if way.cluster or way.external else 1), outcome
