"""The way to the API server is cut, throttled and refused while jobs are waited for as deferred tasks wait."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import pytest
from faulty_proxy import EXPIRED, FaultyProxy, status
from hanging import HANG_SECONDS
from kubernetes_connection import airflows_kubeconfig

from tests.live.kubernetes.conftest import GONE, SMALL, Bench, until
from tests.live.kubernetes.waiting import RunningJob, cluster_runs, connections, control


@pytest.fixture
def proxy(bench, tmp_path, monkeypatch) -> Iterator[FaultyProxy]:
    """A proxy that Airflow's connection leads through."""
    proxy = FaultyProxy(bench.connection.kubeconfig, tmp_path)
    with proxy.serving() as kubeconfig:
        # A deployment of its own, so that the process makes a client of its own: settings that are equal share one.
        deployment = f"interruptions-{secrets.token_hex(3)}"
        for name, value in connections(bench, kubeconfig, deployment=deployment).items():
            monkeypatch.setenv(name, value)
        yield proxy


def test_a_connection_that_is_cut_again_and_again(bench, proxy):
    async def scenario() -> str:
        job = await RunningJob.start(bench)
        waiting = asyncio.create_task(job.until())
        for _ in range(5):
            assert await asyncio.to_thread(until, proxy.cut) > 0
            await asyncio.sleep(1)
        job.release()
        state = await waiting
        await asyncio.to_thread(job.check)
        return state

    assert asyncio.run(scenario()) == "SUCCEEDED"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(status(429, "TooManyRequests", **{"Retry-After": "1"}), id="429"),
        pytest.param(status(500, "InternalError"), id="500", marks=pytest.mark.long),
    ],
)
def test_an_api_server_that_refuses_everything_for_a_while(bench, proxy, answer):
    async def scenario() -> str:
        job = await RunningJob.start(bench)
        waiting = asyncio.create_task(job.until())
        proxy.everything = answer
        proxy.cut()
        key = f"while-{answer[0]}"
        launching = asyncio.create_task(asyncio.to_thread(lambda: control().clusters.launch(SMALL, key)))
        await asyncio.sleep(20)
        assert not launching.done()
        proxy.everything = None
        cluster = await launching
        assert await cluster_runs(cluster.id) == "RUNNING"
        assert [each.id for each in control().clusters.list() if each.key == key] == [cluster.id]
        job.release()
        state = await waiting
        await asyncio.to_thread(job.check)
        await asyncio.to_thread(_end, cluster.id)
        return state

    assert asyncio.run(scenario()) == "SUCCEEDED"


def test_what_happened_while_a_watch_was_too_old_to_go_on_is_not_missed(bench, proxy):
    async def scenario() -> str:
        job = await RunningJob.start(bench)
        waiting = asyncio.create_task(job.until())
        proxy.watches = [status(503, "ServiceUnavailable")] * 1000
        proxy.cut()
        job.release()
        await asyncio.to_thread(until, lambda: _driver_phase(bench, job.job_id) == "Succeeded")
        lists = sum("/pods?" in request and "watch=true" not in request for request in proxy.requests)
        assert not waiting.done(), "nobody can have told of the end yet"
        proxy.watches = [(200, {"Content-Type": "application/json"}, EXPIRED)]
        state = await waiting
        assert sum("/pods?" in request and "watch=true" not in request for request in proxy.requests) > lists
        await asyncio.to_thread(job.check)
        return state

    assert asyncio.run(scenario()) == "SUCCEEDED"


def test_a_token_that_is_no_longer_good_is_read_anew(bench, monkeypatch):
    for name, value in connections(bench).items():
        monkeypatch.setenv(name, value)
    namespace = bench.connection.namespace

    async def scenario() -> str:
        job = await RunningJob.start(bench)
        waiting = asyncio.create_task(job.until())
        await asyncio.to_thread(_remake_account, bench)
        await asyncio.to_thread(until, lambda: not _is_accepted(bench))
        await asyncio.sleep(7)  # a look fails
        assert not waiting.done()
        airflows_kubeconfig(bench.testbed, namespace, bench.connection.folder)
        job.release()
        state = await waiting
        await asyncio.to_thread(job.check)
        return state

    assert asyncio.run(scenario()) == "SUCCEEDED"


def _remake_account(bench: Bench) -> None:
    place = f"--namespace={bench.connection.namespace}"
    bench.testbed.kubectl("delete", "serviceaccount", "airflow", place)
    bench.testbed.kubectl("create", "serviceaccount", "airflow", place)


def _is_accepted(bench: Bench) -> bool:
    """Whether the API server still takes Airflow's token."""
    from kubernetes.client import ApiException, AuthenticationV1Api

    try:
        AuthenticationV1Api(bench.connection.client()).create_self_subject_review(
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        )
    except ApiException as error:
        return error.status != 401
    return True


def _driver_phase(bench: Bench, job_id: int) -> str:
    selector = f"--selector=dcluster.io/job-id={job_id},dcluster.io/role=driver"
    pods = bench.testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", selector)["items"]
    return str(pods[0]["status"]["phase"]) if pods else ""


def _end(cluster_id: int) -> None:
    used = control()
    used.clusters.terminate(cluster_id)
    used.clusters.wait(cluster_id, GONE, timeout=HANG_SECONDS, poll_interval=0.5)
