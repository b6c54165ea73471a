"""Jobs that fail on a real Kubernetes: what a person is told, and that nothing is left."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hanging import HANG_SECONDS
from local_platform import build_jar, local_settings

from dcluster_provider.control.connect import Control
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer
from dcluster_provider.platforms.kubernetes.cluster_access import master_rest
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, Bench, gone, running, submit, until
from tests.live.kubernetes.failures import Failure, Table, failed_job

_FINALIZER = "example.com/kept-by-a-test"
APPLICATIONS = Path(__file__).parents[1] / "applications"
_AT_ONCE = 3  # drivers that two processors bear: a driver whose master does not answer for a minute gives up


@dataclass(frozen=True)
class Case:
    """A job that cannot succeed.

    :param codes: of which one is to be told, separated by ``|``.
    :param parts: of the text: of its cause, its evidence and its remedy.
    :param fields: of the job; ``application`` is a file of the folder of applications.
    :param own: it brings executors of its own.
    """

    what: str
    codes: str
    parts: tuple[str, ...]
    fields: dict[str, Any] = field(default_factory=dict)
    own: bool = False


CASES = {
    "image": Case(
        "image of a job that does not exist",
        "RegistryUnreachable|ImageNotFound|ImagePullFailed|ImageAccessDenied",
        ("registry.invalid/job:none", "ErrImagePull", "dockerImageName of the job"),
        {"application": "once.py", "dockerImageName": "registry.invalid/job:none"},
    ),
    "exception": Case(
        "Python exception",
        "PythonException",
        ("The driver", "KeyError: 'usd'", "Traceback", "exit code 1", "Correct the application"),
        {"application": "raises.py"},
    ),
    "class": Case(
        "main class that is not in the jar",
        "MainClassMissing|ClassMissing",
        ("org.example.MissingPermission", "mainClass"),
        {"application": "empty.jar", "mainClass": "org.example.MissingPermission"},
    ),
    "driver-memory": Case(
        "driver that uses too much memory",
        "OOMKilled",
        ("The driver", "more memory than its limit", "OOMKilled, exit code 137", "driverMemGb"),
        {"application": "fills_memory.py", "args": ["driver"]},
    ),
    "executor-memory": Case(
        "executor of its own that uses too much memory",
        "OOMKilled",
        ("An executor", "more memory than its limit", "OOMKilled", "workerMemGb"),
        {"application": "fills_memory.py", "args": ["executor"]},
        own=True,
    ),
    "executor-start": Case(
        "executors that end at their start",
        "ExecutorsFailed",
        (" executors of the job ended one after the other", "Module no.such.module not found"),
        {
            "application": "spark_fails.py",
            "args": ["nothing"],
            "extraCmd": {"spark.executor.extraJavaOptions": "--add-modules=no.such.module"},
        },
    ),
    "too-large": Case(
        "executor that no worker can hold, by the job's fields",
        "ExecutorTooLarge",
        ("65536 MiB", "1024 MiB", "workerMemGb"),
        {"application": "once.py", "workerMemGb": 64},
    ),
    "asks-too-much": Case(
        "executor that no worker can hold, by the program itself",
        "ExecutorTooLarge",
        ("65536 MiB", "1024 MiB", "workerMemGb"),
        {"application": "spark_fails.py", "args": ["memory"]},
    ),
}


@pytest.fixture(scope="module")
def table(tables) -> Table:
    return Table("jobs that fail on a real Kubernetes", tables)


@pytest.fixture(scope="module")
def standing(bench) -> Iterator[Cluster]:
    """A cluster of one worker, of a tenant with the longest name there may be."""
    control = bench.control()
    cluster = running(control, SMALL | {"tenant": "x" * 253, "workerCpu": "1"})
    yield cluster
    assert gone(control, cluster).state is ClusterState.TERMINATED
    assert bench.left() == []


@pytest.fixture(scope="module")
def provoked(bench, standing, tmp_path_factory) -> Iterator[dict[str, Future[Failure]]]:
    """All cases, some at once: they do not need the cluster's worker."""
    folder, control = tmp_path_factory.mktemp("applications"), bench.control()
    with zipfile.ZipFile(folder / "empty.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")

    def provoke(case: Case) -> Failure:
        fields = dict(case.fields)
        name = fields.pop("application")
        file = folder / name if name == "empty.jar" else APPLICATIONS / name
        cluster = None if case.own else standing
        return failed_job(control, lambda: submit(control, cluster, file, **fields))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(provoke, case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_cannot_succeed_says_why(name, provoked, table):
    case, failure = CASES[name], provoked[name].result()
    table.check(case.what, failure, case.codes, case.parts)


@pytest.mark.long
def test_jobs_whose_pods_are_taken_away_and_one_that_waits_for_the_worker(bench, standing, provoked, table):
    for each in provoked.values():
        each.exception()  # all are over
    control = bench.control()
    first = _at_work(control, submit(control, standing, APPLICATIONS / "endless.py", module="first"))
    second = submit(control, standing, APPLICATIONS / "endless.py", module="second")
    assert until(lambda: _applications(control, standing) == 2)
    assert _state(control, second) is JobState.SUBMITTED, "it waits for cores while another has them all"
    with _kept(bench, first) as pod:
        _evict(bench, pod)
        failure = failed_job(control, lambda: first)
    parts = ("The driver", "evicted by somebody's request", "EvictionByEvictionAPI", "node_selector")
    table.check("driver that is evicted", failure, "EvictedByRequest", parts)

    _at_work(control, second)
    with _kept(bench, second) as pod:
        bench.testbed.kubectl("delete", "pod", pod, _namespace(bench), "--wait=false")
        failure = failed_job(control, lambda: second)
    parts = ("The driver", "was deleted before it ended", "audit log")
    table.check("driver whose pod is deleted", failure, "PodDeleted", parts)


@pytest.mark.long
def test_a_spark_job_whose_master_is_gone_is_ended_and_its_cluster_recovers(bench, standing, provoked, table):
    control = bench.control()
    job = _at_work(control, submit(control, standing, APPLICATIONS / "endless.py", module="third"))
    selector = f"--selector=dcluster.io/cluster-id={standing.id},dcluster.io/role=master"
    bench.testbed.kubectl("delete", "pod", selector, _namespace(bench), "--wait=false")
    failure = failed_job(control, lambda: job)
    parts = ("The Spark master restarted", "runs since", "useOnDemandMaster")
    table.check("master that is deleted under a Spark job", failure, "MasterRestarted", parts)
    control.clusters.wait(standing.id, timeout=HANG_SECONDS)
    again = submit(control, standing, APPLICATIONS / "spark_pi.py", module="fourth")
    assert control.jobs.wait(again.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED


@pytest.mark.long
@pytest.mark.parametrize("own", [False, True])
def test_a_driver_that_outlives_its_application_is_ended(bench, standing, own):
    control = bench.control()
    cluster = None if own else standing
    job = submit(control, cluster, APPLICATIONS / "outlives.py", module=f"outlives-{own}", mainEndedTimeout=5)
    ended = control.jobs.wait(job.id, timeout=HANG_SECONDS)
    assert (ended.state, ended.diagnosis.code) == (JobState.SUCCEEDED, "MainEnded")


def test_a_flink_job_whose_jobmanager_is_gone_is_unknown(bench, table, tmp_path):
    control = bench.control()
    engine = ensure_engine("flink", local_settings(tmp_path), print)
    jar = build_jar(tmp_path, APPLICATIONS / "Numbers.java", engine.home / "lib")
    cluster = running(control, SMALL_FLINK)
    job = _at_work(control, submit(control, cluster, jar, args=["endless"]))
    selector = f"--selector=dcluster.io/cluster-id={cluster.id},dcluster.io/role=master"
    bench.testbed.kubectl("delete", "pod", selector, _namespace(bench), "--wait=false")
    failure = failed_job(control, lambda: job)
    parts = ("The JobManager restarted", "runs since", "flink_ha", "UNKNOWN")
    table.check("JobManager that is deleted under a jar", failure, "JobManagerRestarted", parts)
    assert gone(control, cluster).state is ClusterState.TERMINATED


@pytest.mark.long
def test_a_sql_file_that_fails_on_its_own_cluster_failed_by_itself(bench, table, tmp_path):
    control = bench.control()
    statement = tmp_path / "missing.sql"
    statement.write_text("SELECT * FROM no_such_table;")
    failure = failed_job(control, lambda: submit(control, None, statement, jobType="flink", workerMemGb=1.25))
    parts = ("statement 1 of missing.sql (line 1) failed:", "no_such_table")
    table.check("SQL file that names a missing table", failure, "SqlStatementFailed", parts)
    until(lambda: bench.left() == [])


def _at_work(control: Control, job: Job) -> Job:
    until(lambda: _state(control, job) is JobState.RUNNING)
    return job


def _state(control: Control, job: Job) -> JobState:
    return control.jobs.observe([job.id])[job.id].state


def _applications(control: Control, cluster: Cluster) -> int:
    """How many applications the Spark master knows."""
    master = master_rest(control.platform.settings, control.platform._api, cluster)
    try:
        return len(master.request("GET", "/json/")["activeapps"])
    except (NoAnswer, ErrorResponse):  # it is busy
        return 0


def _namespace(bench: Bench) -> str:
    return f"--namespace={bench.connection.namespace}"


def _pod(bench: Bench, job: Job) -> str:
    found = bench.testbed.get("get", "pods", _namespace(bench), f"--selector=dcluster.io/job-id={job.id}")
    return str(found["items"][0]["metadata"]["name"])


@contextmanager
def _kept(bench: Bench, job: Job) -> Iterator[str]:
    """The name of a job's pod, which stays to be looked at once it has ended."""
    pod = _pod(bench, job)

    def patch(metadata: dict[str, Any]) -> None:
        bench.testbed.kubectl(
            "patch", "pod", pod, _namespace(bench), "--patch", json.dumps({"metadata": metadata})
        )

    patch({"finalizers": [_FINALIZER]})
    try:
        yield pod
    finally:
        patch({"$deleteFromPrimitiveList/finalizers": [_FINALIZER]})


def _evict(bench: Bench, name: str) -> None:
    namespace = bench.connection.namespace
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    bench.testbed.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))
