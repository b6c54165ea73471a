"""From nothing to a ready Spark cluster, beside `kubectl apply` and `kubectl wait` of the same objects."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

    from dcluster_provider.control.connect import Control

RUNS = int(os.environ.get("DCLUSTER_BENCH_RUNS", "5"))
TIMEOUT = 300  # seconds
SPEC: dict[str, Any] = {"tenant": "bench", "workers": 2, "worker_memory": "1Gi", "master_memory": "512Mi"}


def main() -> None:
    """Measure one and the other in turn and print the medians."""
    from kubernetes_jobs_bench import connected
    from testbed import running_testbed

    with running_testbed() as testbed, tempfile.TemporaryDirectory() as folder:
        if testbed.kind != "built":
            print(f"needs a testbed of its own, which the {testbed.kind} cluster is not")
            return
        with testbed.namespace("ours") as namespace, testbed.namespace("theirs") as other:
            control = connected(testbed, namespace, Path(folder), {})
            ours, theirs = [], []
            for _ in range(RUNS):
                ours.append(launch(control))
                theirs.append(by_kubectl(testbed, control, other))
                print(f"  ours {ours[-1]:.1f} s, kubectl {theirs[-1]:.1f} s", flush=True)
    print(
        f"a Spark cluster of 2 workers, medians of {RUNS}: ours {median(ours):.1f} s, kubectl apply and wait "
        f"{median(theirs):.1f} s, ratio {median(ours) / median(theirs):.2f}"
    )


def launch(control: Control) -> float:
    """Seconds from the request until the cluster is known to run."""
    from dcluster_provider.core.record import ClusterState

    began = time.monotonic()
    cluster = control.clusters.launch(SPEC)
    control.clusters.wait(cluster.id, timeout=TIMEOUT, poll_interval=0.1)
    seconds = time.monotonic() - began
    control.clusters.terminate(cluster.id)
    control.clusters.wait(cluster.id, [ClusterState.TERMINATED], timeout=TIMEOUT)
    return seconds


def by_kubectl(testbed: BuiltTestbed, control: Control, namespace: str) -> float:
    """Seconds until both commands have ended."""
    objects, name = manifests(control, namespace)
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    place, own = f"--namespace={namespace}", f"--selector=dcluster.io/cluster-name={name}"
    began = time.monotonic()
    testbed.kubectl("apply", "--server-side", "--filename=-", stdin=listed)
    testbed.kubectl("wait", "deployments", place, own, "--for=condition=Available", f"--timeout={TIMEOUT}s")
    seconds = time.monotonic() - began
    for each in objects:
        testbed.kubectl(
            "delete", each["kind"], each["metadata"]["name"], place, "--wait", "--ignore-not-found"
        )
    testbed.kubectl("wait", "pods", place, own, "--for=delete", f"--timeout={TIMEOUT}s")
    return seconds


def manifests(control: Control, namespace: str) -> tuple[list[dict[str, Any]], str]:
    """The objects of a cluster without their owner, and the cluster's name."""
    from dcluster_provider.core.cluster_spec import ClusterSpec
    from dcluster_provider.platforms.kubernetes.doctor.image_trial import trial_cluster
    from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
    from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import secret
    from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels

    settings = control.platform.settings.model_copy(update={"namespace": namespace})  # type: ignore[attr-defined]
    cluster = replace(trial_cluster(settings, "spark3"), spec=ClusterSpec(**SPEC))
    place = Place(namespace, "none")
    engine = pod_engine(cluster.spec)
    files = engine.cluster_files(settings, cluster)
    objects = [secret(cluster.name, place, cluster_labels(cluster), files)]
    objects += engine.cluster_manifests(settings, cluster, place)
    for each in objects:
        del each["metadata"]["ownerReferences"]
    return objects, cluster.name


if __name__ == "__main__":
    main()
