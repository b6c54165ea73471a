"""1,000 clusters on nodes that kwok plays, launched and waited for by 1,000 deferred waits, beside the provider's own.

What is counted are the requests that the API server itself says it served for pods, ConfigMaps, events and Services.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

    from dcluster_provider.control.connect import Control

CLUSTERS = int(os.environ.get("DCLUSTER_BENCH_CLUSTERS", "1000"))
NODES = 20
IDLE_SECONDS = 60
CHANGES = 40
_RESOURCES = {"pods", "configmaps", "events", "services"}
_SERVED = re.compile(r'^apiserver_request_total\{.*[{,]resource="(\w+)".*\} (\S+)$')


def main() -> None:
    """Measure in this order: launches, idle waits, changes told, and the provider's own trigger beside them."""
    from testbed import running_testbed

    with running_testbed() as testbed, tempfile.TemporaryDirectory() as folder:
        if testbed.kind != "built":
            print(f"needs nodes of kwok, which the {testbed.kind} cluster has not")
            return
        testbed.add_fake_nodes(NODES)
        try:
            with testbed.namespace("bench", "baseline", end_seconds=1800) as namespace:
                connect_airflow(testbed, namespace, Path(folder))
                measure(testbed, namespace)
        finally:
            testbed.remove_fake_nodes()


def connect_airflow(testbed: BuiltTestbed, namespace: str, folder: Path) -> None:
    """Connections whose clusters go to the fake nodes."""
    template = {
        "spec": {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": "kwok", "operator": "Exists"}],
            "containers": [{"name": "engine", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}],
        }
    }
    extra = {"platform": "kubernetes", "namespace": namespace, "pod_template": template, "home": str(folder)}
    os.environ |= {
        "AIRFLOW_HOME": str(folder),
        "_AIRFLOW_PROCESS_CONTEXT": "server",
        "AIRFLOW_CONN_DCLUSTER_DEFAULT": json.dumps({"conn_type": "dcluster", "extra": extra}),
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(
            {"conn_type": "kubernetes", "extra": {"kube_config_path": str(testbed.kubeconfig)}}
        ),
    }


def measure(testbed: BuiltTestbed, namespace: str) -> None:
    """Print what was measured."""
    import logging

    from dcluster_provider.hooks.dcluster import DClusterHook

    logging.disable(logging.WARNING)
    control = DClusterHook().control
    ids = launch(control)
    idle = served(testbed, IDLE_SECONDS)
    print(f"nobody waits, while the last pods settle: {idle:.0f} requests a minute")
    asyncio.run(wait_for_all(testbed, namespace, control, ids))
    asyncio.run(wait_as_the_provider_does(testbed, namespace))
    for number in ids:
        control.clusters.terminate(number)


def launch(control: Control) -> list[int]:
    """Ask for all clusters, one after the other, and print what each took of this process's time."""
    seconds, ids, began = [], [], time.monotonic()
    for number in range(CLUSTERS):
        asked = time.monotonic()
        spec = {"tenant": f"bench{number}", "workers": 2}
        ids.append(control.clusters.launch(spec).id)
        seconds.append(time.monotonic() - asked)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(
        f"{CLUSTERS} clusters asked for in {time.monotonic() - began:.0f} s: {statistics.median(seconds):.3f} s each "
        f"(median), {p95:.3f} s (p95)"
    )
    return ids


async def wait_for_all(testbed: BuiltTestbed, namespace: str, control: Control, ids: list[int]) -> None:
    """One wait for each cluster until it runs, then one until it is degraded, which none is by itself."""
    from dcluster_provider.triggers.dcluster import ClusterTrigger

    before, began = memory(), time.monotonic()
    await gather(ClusterTrigger("dcluster_default", number, ["RUNNING"], 5.0).run for number in ids)
    print(f"all RUNNING {time.monotonic() - began:.0f} s after {CLUSTERS} waits for it began")
    told = {
        number: asyncio.create_task(
            event_at(ClusterTrigger("dcluster_default", number, ["DEGRADED"], 5.0).run)
        )
        for number in ids
    }
    await asyncio.sleep(15)
    cpu = time.process_time()
    busy = await asyncio.to_thread(served, testbed, IDLE_SECONDS)
    used = (time.process_time() - cpu) / IDLE_SECONDS
    print(
        f"{CLUSTERS} idle waits: {busy:.0f} requests a minute in all, {used:.1%} of a core, "
        f"{memory() - before:.0f} MiB more than before the waits"
    )
    delays = []
    for number in ids[:: max(1, len(ids) // CHANGES)][:CHANGES]:
        name = control.clusters.get(number).name
        changed = await asyncio.to_thread(fail_worker, testbed, namespace, name)
        delays.append(await told[number] - changed)
    print(
        f"from a pod's change to the trigger's event: {statistics.median(delays):.2f} s (median of {len(delays)}), "
        f"{statistics.quantiles(delays, n=20)[-1]:.2f} s (p95)"
    )
    for wait in told.values():
        wait.cancel()
    await asyncio.gather(*told.values(), return_exceptions=True)


def fail_worker(testbed: BuiltTestbed, namespace: str, name: str) -> float:
    """Have one worker of a cluster no longer be ready; returns when."""
    place = f"--namespace={namespace}"
    pods = testbed.get(
        "get", "pods", place, f"--selector=dcluster.io/cluster-name={name},dcluster.io/role=worker"
    )
    pod = pods["items"][0]["metadata"]["name"]
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": now, "reason": "Bench"}
    patch = json.dumps({"status": {"conditions": [condition]}})
    testbed.kubectl(
        "patch", "pod", pod, place, "--subresource=status", "--type=strategic", f"--patch={patch}"
    )
    return time.monotonic()


async def wait_as_the_provider_does(testbed: BuiltTestbed, namespace: str) -> None:
    """As many waits of the kubernetes provider's own trigger, for pods that stay as they are."""
    from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger

    pods = testbed.get("get", "pods", f"--namespace={namespace}", "--selector=dcluster.io/role=master")[
        "items"
    ]
    before = memory()
    triggers = [
        KubernetesPodTrigger(
            pod_name=pods[number % len(pods)]["metadata"]["name"],
            pod_namespace=namespace,
            trigger_start_time=datetime.now(timezone.utc),
            base_container_name="engine",
            kubernetes_conn_id="kubernetes_default",
            in_cluster=False,
            poll_interval=2,
            get_logs=False,
        )
        for number in range(CLUSTERS)
    ]
    waits = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
    await asyncio.sleep(20)
    cpu = time.process_time()
    busy = await asyncio.to_thread(served, testbed, IDLE_SECONDS)
    used = (time.process_time() - cpu) / IDLE_SECONDS
    print(
        f"{CLUSTERS} idle waits of KubernetesPodTrigger: {busy:.0f} requests a minute in all, "
        f"{used:.1%} of a core, {memory() - before:.0f} MiB more than before the waits"
    )
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def gather(runs: Iterator[Callable[[], Any]]) -> None:
    """The first event of each."""
    await asyncio.gather(*(anext(run()) for run in runs))


async def event_at(run: Callable[[], Any]) -> float:
    """When the first event came."""
    await anext(run())
    return time.monotonic()


def served(testbed: BuiltTestbed, seconds: int) -> float:
    """Requests a minute that the API server served meanwhile, a watch when it ended or began anew."""
    before = total(testbed)
    time.sleep(seconds)
    return (total(testbed) - before) * 60 / seconds


def total(testbed: BuiltTestbed) -> float:
    """All requests so far for what clusters are made of."""
    count = 0.0
    for line in testbed.kubectl("get", "--raw=/metrics").splitlines():
        found = _SERVED.match(line)
        if found and found[1] in _RESOURCES:
            count += float(found[2])
    return count


def memory() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
