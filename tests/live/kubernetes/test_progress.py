"""Jobs and clusters that go on and make no progress, and jobs with a container that lives on.

What is measured is how long after it could be known a deferred task's log tells of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dcluster_provider.control.connect import Control
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer
from dcluster_provider.platforms.kubernetes.cluster_access import master_rest
from tests.live.kubernetes.conftest import (
    SMALL,
    SMALL_FLINK,
    Bench,
    ended,
    running,
    submit,
    until,
)
from tests.live.kubernetes.task_log import TaskLog, followed

if TYPE_CHECKING:
    from result_tables import Tables

APPLICATIONS = Path(__file__).parents[1] / "applications"
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTARTS = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "2147483647",
    "restart-strategy.fixed-delay.delay": "5 s",
}


@pytest.fixture
def report(tables: Tables) -> Callable[[str, float, TaskLog, str], None]:
    """Adds to a table how long after a moment a task's log told of something."""

    def add(what: str, known_at: float, log: TaskLog, part: str) -> None:
        told_at = log.time_of(part)
        assert told_at is not None
        tables.add(
            "jobs on Kubernetes that make no progress: told after it could be known",
            f"{what}: {told_at - known_at:5.1f} s",
        )

    return add


def test_a_sidecar_that_lives_on_does_not_keep_a_job(bench, report):
    template = json.loads(bench.connection.settings.pod_template)
    sidecar = {
        "name": "proxy",
        "image": bench.testbed.images["spark"],
        "command": ["sleep", "3600"],
        "securityContext": SAFE,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    template["spec"]["containers"].append(sidecar)
    control = bench.control(pod_template=json.dumps(template))
    job = submit(control, None, APPLICATIONS / "writes.py", args=["50", "5"])
    known: list[float] = []
    with followed(control, job.id) as log:
        assert until(lambda: _engine_ended(bench, job, known) or log.time_of("SUCCEEDED"))
        assert until(lambda: log.time_of("SUCCEEDED"))
    done = control.jobs.get(job.id)
    assert (done.state, done.exit_code) == (JobState.SUCCEEDED, 0)
    assert "number 49 of a line" in "".join(log.lines)
    assert until(lambda: bench.left() == [])
    for at in known[:1]:
        report("engine that has ended beside a container that lives on", at, log, "SUCCEEDED")


@pytest.mark.long
def test_executors_that_a_quota_forbids_are_told_of_until_they_come(bench, control, report):
    namespace = bench.connection.namespace
    quota = {"name": "small", "namespace": namespace}
    bench.testbed.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": quota, "spec": {"hard": {"pods": "1"}}}
    )
    try:
        job = submit(control, None, APPLICATIONS / "spark_pi.py")
        with followed(control, job.id) as log:
            assert until(lambda: log.time_of("QuotaExceeded")), log.lines
            known_at = _first_printed(bench, job, "exceeded quota")
    finally:
        bench.testbed.kubectl("delete", "resourcequota", "small", f"--namespace={namespace}")
    report("executors that a quota forbids", known_at, log, "QuotaExceeded")
    done = ended(control, job)
    assert (done.state, done.diagnosis) == (JobState.SUCCEEDED, None)


@pytest.mark.long
def test_workers_whose_deployment_was_deleted_are_told_of(bench, control, report):
    cluster = running(control, SMALL)
    at_work = submit(control, cluster, APPLICATIONS / "endless.py")
    with followed(control, at_work.id) as log_of_work:
        assert until(lambda: log_of_work.time_of("RUNNING")), log_of_work.lines
        namespace = f"--namespace={bench.connection.namespace}"
        bench.testbed.kubectl("delete", "deployment", f"{cluster.name}-worker", namespace)
        deleted_at = time.time()
        waiting = submit(control, cluster, APPLICATIONS / "spark_pi.py", module="waits")
        with followed(control, waiting.id) as log_of_wait:
            for log in (log_of_work, log_of_wait):
                assert until(partial(log.time_of, "DeploymentDeleted")), log.lines
    for whose, log in (("at work when", log_of_work), ("submitted after", log_of_wait)):
        report(f"job {whose} the Deployment of workers is deleted", deleted_at, log, "DeploymentDeleted")
    for job in (at_work, waiting):
        control.jobs.terminate(job.id)


@pytest.mark.parametrize("kind", ["own executors", "standalone"])
@pytest.mark.long
def test_a_driver_whose_application_has_ended_and_that_goes_on_is_told_of(control, bench, report, kind):
    program = bench.home / "lives_on.py"
    program.write_text(
        (APPLICATIONS / "spark_pi.py").read_text()
        + "\nimport threading, time\nspark.stop()\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n"
    )
    job = submit(control, running(control, SMALL) if kind == "standalone" else None, program)
    with followed(control, job.id) as log:
        assert until(lambda: log.time_of("MainEnded")), log.lines
        known_at = _first_printed(bench, job, "Successfully stopped SparkContext")
    report(f"driver that outlives its application, {kind}", known_at, log, "MainEnded")
    stopped = control.jobs.terminate(job.id)
    assert ended(control, stopped).state is JobState.KILLED


@pytest.mark.long
def test_a_flink_job_that_restarts_for_ever_is_told_of_with_its_cause(control, report):
    cluster = running(control, SMALL_FLINK)
    job = submit(control, cluster, APPLICATIONS / "flink_fails.py", args=["work"], extraCmd=RESTARTS)
    with followed(control, job.id) as log:
        assert until(lambda: log.time_of("JobRestarts")), log.lines
    assert control.jobs.get(job.id).state is JobState.RUNNING
    text = "\n".join(log.lines)
    assert "ZeroDivisionError" in text
    report("Flink job that restarts for ever", _first_restart(control, cluster), log, "JobRestarts")
    control.jobs.terminate(job.id)
    assert ended(control, job).state is JobState.KILLED


def _engine_ended(bench: Bench, job: Job, known: list[float]) -> bool:
    """Whether the engine's container of a job's driver has ended; notes when."""
    for pod in _driver(bench, job):
        for container in pod["status"].get("containerStatuses", ()):
            end = container["state"].get("terminated")
            if container["name"] == "engine" and end:
                known.append(_unix(end["finishedAt"]))
    return bool(known)


def _driver(bench: Bench, job: Job) -> list[dict]:
    selector = f"--selector=dcluster.io/job-id={job.id},dcluster.io/role=driver"
    return bench.testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", selector)["items"]


def _first_printed(bench: Bench, job: Job, part: str) -> float:
    """When the driver of a job first printed a line with a part."""
    (pod,) = _driver(bench, job)
    namespace = f"--namespace={bench.connection.namespace}"
    log = bench.testbed.kubectl(
        "logs", pod["metadata"]["name"], namespace, "--timestamps", "--container=engine"
    )
    return next(_unix(line.split()[0]) for line in log.splitlines() if part in line)


def _first_restart(control: Control, cluster) -> float:
    """When the only job of a Flink cluster restarted first."""
    rest = master_rest(control.platform.settings, control.platform._api, cluster)

    def ask() -> list[dict]:
        try:
            return [
                rest.request("GET", f"/jobs/{each['id']}/exceptions")
                for each in rest.request("GET", "/jobs")["jobs"]
            ]
        except (NoAnswer, ErrorResponse):  # it is busy
            return []

    assert until(ask)
    (answer,) = ask()
    return min(each["timestamp"] for each in answer["exceptionHistory"]["entries"]) / 1000


def _unix(text: str) -> float:
    """A time of Kubernetes, whose fraction has nanoseconds or is not there."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
