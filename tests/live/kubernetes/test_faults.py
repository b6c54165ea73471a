"""Components of Kubernetes fail while a cluster is launched and a job runs, both waited for as deferred tasks wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from hanging import HANG_SECONDS

from tests.live.kubernetes.conftest import GONE, SMALL, Bench, make_bench
from tests.live.kubernetes.waiting import RunningJob, cluster_runs, connections, control
from tests.live.trials import long_except

pytestmark = [pytest.mark.long]  # the first run builds Kubernetes


@pytest.fixture(scope="module")
def bench(own_testbed, tmp_path_factory) -> Iterator[Bench]:
    """On a testbed of its own, whose components may be ended."""
    with make_bench(own_testbed, tmp_path_factory) as bench, pytest.MonkeyPatch.context() as patch:
        for name, value in connections(bench).items():
            patch.setenv(name, value)
        yield bench


def _hang(bench: Bench) -> None:
    bench.testbed.suspend("apiserver")
    time.sleep(20)
    bench.testbed.resume("apiserver")


def _kill_kubelet(bench: Bench) -> None:
    bench.testbed.kill("kubelet")
    time.sleep(75)  # longer than waits bear looks that fail; meanwhile no log of the node can be read
    bench.testbed.start("kubelet")


FAULTS: dict[str, Callable[[Bench], None]] = {
    "API server restarted": lambda bench: bench.testbed.restart("apiserver"),
    "etcd restarted": lambda bench: bench.testbed.restart("etcd"),
    "API server hangs for 20 s": _hang,
    "kubelet killed and started again": _kill_kubelet,
}


@pytest.mark.parametrize("fault", long_except(["API server restarted"], FAULTS))
def test_a_launch_a_job_and_waits_outlast_it(fault, bench):
    async def scenario() -> None:
        job = await RunningJob.start(bench)
        waiting = asyncio.create_task(job.until())
        failing = asyncio.create_task(asyncio.to_thread(FAULTS[fault], bench))
        cluster = await asyncio.to_thread(lambda: control().clusters.launch(SMALL, fault))
        running = asyncio.create_task(cluster_runs(cluster.id))
        await failing
        again = await asyncio.to_thread(lambda: control().clusters.launch(SMALL, fault))
        assert again.id == cluster.id
        assert await running == "RUNNING"
        job.release()
        assert await waiting == "SUCCEEDED"
        await asyncio.to_thread(job.check)
        await asyncio.to_thread(_end, cluster.id)

    asyncio.run(scenario())
    assert bench.left() == []


def _end(cluster_id: int) -> None:
    used = control()
    used.clusters.terminate(cluster_id)
    used.clusters.wait(cluster_id, GONE, timeout=HANG_SECONDS, poll_interval=0.5)
