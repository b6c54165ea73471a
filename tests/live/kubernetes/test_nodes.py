"""Nodes that kwok plays on a real API server: drained, destroyed and cleaned up with the rights of the role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from connections import settings_for_local
from hanging import ANSWER_SECONDS, HANG_SECONDS
from kubernetes_connection import airflows_kubeconfig
from memory_nodes import LONG_AGO, MemoryCloud

from dcluster_provider.control.nodes.drainer import LEFT, STARTED
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.records import utc_now
from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod
from dcluster_provider.core.errors import InvalidSpec, PlatformRefused, WaitTimeout
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.nodes import KubernetesNodes
from dcluster_provider.platforms.kubernetes.permissions import NODES, Subject, rbac_manifest
from dcluster_provider.registry.store import Registry
from tests.live.trials import long_except

PROVIDER_ID = "aws:///eu-west-1a/i-{number:05}"
TOLERATION = {"key": "kwok", "operator": "Exists"}
CONTAINERS = [{"name": "main", "image": "none"}]


class CountedApi(KubernetesApi):
    """Counts every request that goes out, repetitions included."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes.config import new_client_from_config

        super().__init__(lambda: new_client_from_config(str(kubeconfig)))
        self.requests: Counter[str] = Counter()

    def stream(self, method: str, path: str, **given: Any):
        self.requests[f"{method} {path.rpartition('/')[2]}"] += 1
        return super().stream(method, path, **given)


@dataclass
class Fleet:
    """Fake nodes, the machines that they run on, and the use cases over them."""

    testbed: Any
    namespace: str
    kubeconfig: Path
    home: Path
    cloud: MemoryCloud

    def __post_init__(self) -> None:
        self.api = CountedApi(self.kubeconfig)
        self.kubernetes = KubernetesNodes(self.api)
        self.admin = CountedApi(self.testbed.kubeconfig)

    def make(self, count: int) -> None:
        """So many nodes, each on a machine of ours."""
        self.testbed.add_fake_nodes(count, PROVIDER_ID)
        for number in range(count):
            self.cloud.add(
                f"m-{number:05}", provider_id=PROVIDER_ID.format(number=number), launched_at=LONG_AGO
            )

    def nodes(self, **changes: Any) -> Nodes:
        nodes = NodeSettings(cloud="ec2").model_copy(update={"unused_after": timedelta(0)} | changes)
        settings = settings_for_local(self.home, self.home, nodes=nodes)
        return Nodes(Registry(settings.registry_url), self.cloud, self.kubernetes, settings)

    def node(self, number: int) -> ClusterNode:
        (found,) = [it for it in self.kubernetes.nodes() if it.name == f"fake-{number}"]
        return found

    def pods(self, number: int) -> list[NodePod]:
        return self.kubernetes.pods([f"fake-{number}"])

    def bind(self, names: dict[str, int], **metadata: Any) -> None:
        """Pods on nodes, by the number of each, that nobody makes anew."""

        def create(item: tuple[str, int]) -> None:
            spec = {"nodeName": f"fake-{item[1]}", "containers": CONTAINERS, "tolerations": [TOLERATION]}
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": item[0], **metadata},
                "spec": spec,
            }
            self.admin.create(f"/api/v1/namespaces/{self.namespace}/pods", body)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(create, names.items()))

    def deploy(self, kind: str, name: str, number: int | None = None, **spec: Any) -> None:
        """A controller whose pods run on one node, or on all fake ones."""
        labels = {"app": name}
        selector = {"type": "kwok"} if number is None else {"kubernetes.io/hostname": f"fake-{number}"}
        pods = {
            "metadata": {"labels": labels},
            "spec": {"nodeSelector": selector, "tolerations": [TOLERATION], "containers": CONTAINERS},
        }
        matches = {} if kind == "Job" else {"selector": {"matchLabels": labels}}
        if kind == "Job":
            pods["spec"]["restartPolicy"] = "Never"
        self.testbed.apply(
            {
                "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
                "kind": kind,
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {**matches, "template": pods, **spec},
            }
        )

    def protect(self, *names: str, app: str) -> None:
        """PodDisruptionBudgets that let no pod of an app go."""
        self.testbed.apply(
            *(
                {
                    "apiVersion": "policy/v1",
                    "kind": "PodDisruptionBudget",
                    "metadata": {"name": name, "namespace": self.namespace},
                    "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": app}}},
                }
                for name in names
            )
        )

    def delete(self, *what: str) -> None:
        self.testbed.kubectl(
            "delete", *what, f"--namespace={self.namespace}", "--wait", f"--timeout={ANSWER_SECONDS}s"
        )

    def until_bound(self, number: int, *starts: str) -> list[NodePod]:
        """The pods of a node, once those are there whose names begin so."""

        def there() -> list[NodePod] | None:
            found = self.pods(number)
            begun = all(
                any(pod.name.startswith(start) and pod.phase != "Pending" for pod in found)
                for start in starts
            )
            return found if begun else None

        return self.testbed.wait_until(there, f"{starts} on fake-{number}")


@pytest.fixture
def fleet(testbed, tmp_path) -> Iterator[Fleet]:
    if testbed.kind != "built":
        pytest.skip("needs nodes that kwok plays")
    try:
        with testbed.namespace("nodes", enforce="privileged") as namespace:
            account = Subject("ServiceAccount", "airflow", namespace)
            place = {"name": "airflow", "namespace": namespace}
            testbed.apply(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
                *rbac_manifest([namespace], [account], nodes=True),
            )
            kubeconfig = airflows_kubeconfig(testbed, namespace, tmp_path / "home")
            yield Fleet(testbed, namespace, kubeconfig, tmp_path, MemoryCloud())
            testbed.kubectl("delete", "daemonset", "--all", f"--namespace={namespace}")
            testbed.kubectl("delete", f"--raw=/api/v1/namespaces/{namespace}/pods?gracePeriodSeconds=0")
            testbed.kubectl(
                "delete", "clusterrolebinding", f"dcluster-nodes-{namespace}", "--ignore-not-found"
            )
    finally:
        # After the namespace: without their nodes its pods would only go when they are given up.
        testbed.remove_fake_nodes()


def test_only_what_is_work_is_evicted_and_then_the_machine_goes(fleet):
    fleet.make(2)
    fleet.deploy("DaemonSet", "daemon")
    fleet.deploy("Deployment", "web", 0)
    fleet.deploy("Job", "done", 0)
    node = fleet.testbed.get("get", "node", "fake-0")
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": "fake-0",
        "uid": node["metadata"]["uid"],
        "controller": True,
    }
    mirror = {"kubernetes.io/config.mirror": "hash", "kubernetes.io/config.source": "file"}
    fleet.bind({"static": 0}, annotations=mirror, ownerReferences=[owner])
    seen = {
        pod.name.partition("-")[0]: pod for pod in fleet.until_bound(0, "daemon", "web", "done", "static")
    }
    assert (seen["daemon"].owner, seen["web"].owner, seen["done"].owner) == ("DaemonSet", "ReplicaSet", "Job")
    fleet.testbed.wait_until(lambda: "Succeeded" in {it.phase for it in fleet.pods(0)}, "the Job is done")
    assert seen["static"].mirror
    destroyed = fleet.nodes().wait_for_destroy(
        {"nodeIds": ["m-00000"]}, timeout=HANG_SECONDS, poll_interval=0.5
    )
    assert destroyed.released == ("m-00000",)
    assert fleet.api.requests["POST eviction"] == 1
    assert {pod.name.partition("-")[0] for pod in fleet.pods(0)} >= {"daemon", "static", "done"}
    assert fleet.cloud.live() == {"m-00001"}
    assert not fleet.node(1).cordoned


def test_a_budget_holds_a_node_until_the_deadline_and_no_request_waits_for_it(fleet):
    fleet.make(1)
    fleet.deploy("Deployment", "web", 0)
    fleet.until_bound(0, "web")
    fleet.protect("keeps-it", app="web")
    _until_budgets_are_seen(fleet, 1)
    begun = utc_now()
    step = fleet.nodes().destroy_step({"nodeIds": ["m-00000"]}, begun)
    assert "The disruption budget keeps-it needs" in step.draining["m-00000"]
    assert fleet.api.requests["POST eviction"] == 1, (
        "what a budget forbids is not asked again by the same step"
    )
    node = fleet.node(0)
    assert node.cordoned
    assert STARTED in node.annotations
    # The deadline is counted from the first step, whoever makes the last.
    late = fleet.nodes(drain_timeout=timedelta(0)).destroy_step({"nodeIds": ["m-00000"]}, begun)
    assert f"{fleet.namespace}/web" in late.left["m-00000"]
    node = fleet.node(0)
    assert (node.cordoned, STARTED in node.annotations) == (False, False)
    assert "not empty after 0 s" in node.annotations[LEFT]
    assert fleet.cloud.live() == {"m-00000"}
    # Two budgets over one pod, which the API server answers with an error of its own.
    fleet.protect("keeps-it-too", app="web")
    _until_budgets_are_seen(fleet, 2)
    (pod,) = fleet.pods(0)
    eviction = fleet.kubernetes.evict(pod)
    assert (eviction.result, "more than one PodDisruptionBudget" in eviction.why) == ("blocked", True)
    fleet.delete("poddisruptionbudget", "--all")
    assert fleet.nodes().destroy(["m-00000"], timeout=HANG_SECONDS, poll_interval=0.5) == ("m-00000",)
    assert fleet.cloud.live() == set()


def _until_budgets_are_seen(fleet: Fleet, count: int) -> None:
    def seen() -> bool:
        items = fleet.testbed.get("get", "poddisruptionbudget", f"--namespace={fleet.namespace}")["items"]
        told = [it.get("status", {}) for it in items]
        return [it.get("expectedPods") for it in told] == [1] * count

    fleet.testbed.wait_until(seen, "the controller has counted the pods of the budgets")


def test_only_the_very_node_and_the_very_pod_are_touched(fleet):
    fleet.make(1)
    fleet.bind({"alone": 0})
    (pod,) = fleet.until_bound(0, "alone")
    node = fleet.node(0)
    another = replace(node, uid="00000000-0000-0000-0000-000000000000")
    assert not fleet.kubernetes.cordon(another, {"dcluster.io/test": "yes"})
    assert not fleet.kubernetes.label(another, {"a": "b"}, ())
    assert _ours(fleet.node(0)) == (False, {})
    assert not fleet.kubernetes.cordon(replace(node, name="no-such-node"))
    assert fleet.kubernetes.evict(replace(pod, uid=another.uid)).result == "gone"
    assert fleet.kubernetes.evict(replace(pod, name="no-such-pod")).result == "gone"
    assert fleet.pods(0) == [pod]
    assert fleet.kubernetes.cordon(node, {"dcluster.io/test": "yes"})
    assert _ours(fleet.node(0)) == (True, {"dcluster.io/test": "yes"})
    assert fleet.node(0).annotations.items() > node.annotations.items()
    assert fleet.kubernetes.uncordon(node, {"dcluster.io/test": None})
    assert _ours(fleet.node(0)) == (False, {})
    assert fleet.kubernetes.evict(pod).result == "begun"
    fleet.testbed.wait_until(lambda: fleet.pods(0) == [], "the pod is gone")


def _ours(node: ClusterNode) -> tuple[bool, dict[str, str]]:
    """What only this package changes; controllers of Kubernetes add labels and annotations of their own."""
    return node.cordoned, {
        name: it for name, it in node.annotations.items() if name.startswith("dcluster.io/")
    }


@pytest.mark.long
def test_labels_and_taints_are_added_to_those_of_others(fleet):
    fleet.make(1)
    node = fleet.node(0)
    taint = {"key": "dcluster.io/nodes-of", "value": "one", "effect": "NoSchedule"}
    assert fleet.kubernetes.label(node, {"dcluster.io/nodes-of": "one"}, [taint])
    changes = fleet.api.requests["PATCH fake-0"]
    assert fleet.kubernetes.label(node, {"dcluster.io/nodes-of": "one"}, [taint])
    assert fleet.api.requests["PATCH fake-0"] == changes, "what is so already is not changed"
    with ThreadPoolExecutor(4) as pool:
        others = [taint | {"key": f"example.com/{number}"} for number in range(4)]
        assert all(pool.map(lambda it: fleet.kubernetes.label(node, {}, [it]), others))
    assert fleet.kubernetes.label(node, {}, [taint | {"value": "two"}])
    found = fleet.testbed.get("get", "node", "fake-0")
    labels = {**node.labels, "dcluster.io/nodes-of": "one"}
    assert labels.items() <= found["metadata"]["labels"].items()
    told = {it["key"]: it.get("value") for it in found["spec"]["taints"]}
    assert told == {
        "kwok": "true",
        "dcluster.io/nodes-of": "two",
        **{f"example.com/{number}": "one" for number in range(4)},
    }


@pytest.mark.long
def test_nodes_are_drained_by_name_and_stay_cordoned(fleet):
    fleet.make(2)
    fleet.deploy("Deployment", "web", 0)
    fleet.until_bound(0, "web")
    nodes = fleet.nodes()
    with pytest.raises(InvalidSpec, match=r"no node 'fake-00'.*did you mean 'fake-0'"):
        nodes.drain_step(["fake-00"])
    drained = nodes.drain(["fake-0"], timeout=HANG_SECONDS, poll_interval=0.5)
    assert drained.empty == ("fake-0",)
    node = fleet.node(0)
    assert (node.cordoned, STARTED in node.annotations) == (True, False)
    assert nodes.uncordon(["fake-0"]) == ("fake-0",)
    assert not fleet.node(0).cordoned
    fleet.bind({"alone": 1})
    with pytest.raises(WaitTimeout, match="has no controller"):
        nodes.drain(["fake-1"], timeout=0)
    assert [pod.name for pod in fleet.pods(1)] == ["alone"]
    assert fleet.cloud.requests == []


@pytest.mark.parametrize("count", long_except([100], [100, 1000]))
def test_a_clean_up_finds_exactly_the_idle_nodes(fleet, count):
    fleet.make(count)
    fleet.deploy("DaemonSet", "daemon")
    idle = set(range(0, count, 25))
    fleet.bind({f"busy-{number}": number for number in range(count) if number not in idle})
    fleet.testbed.wait_until(
        lambda: len(fleet.kubernetes.pods()) >= 2 * count - len(idle), "every node has its pods", 300
    )
    nodes = fleet.nodes(max_removed=count)
    counted = _requests(fleet, nodes.clean_up)
    first = counted.report
    assert (first.checked["machines"], first.checked["unused"], first.done) == (count, len(idle), {})
    pages = count // 500 + 1  # of 500, and there is a real node, too
    assert counted.requests["GET nodes"] == pages
    assert set(counted.requests) == {"GET nodes", "GET pods"}
    assert counted.requests["GET pods"] <= 2 * pages
    assert len(fleet.cloud.live()) == count
    # Pods that come between two passes keep their nodes.
    fleet.bind({f"late-{number}": number for number in idle})
    assert nodes.clean_up().done == {}
    assert nodes.clean_up().summary().endswith("0 unused; done nothing; left 0")
    assert len(fleet.cloud.live()) == count
    assert not [it for it in fleet.kubernetes.nodes() if it.cordoned]
    for _ in range(2):
        gone = [name for number in idle for name in (f"late-{number}", f"busy-{number}")]
        fleet.delete("pod", "--ignore-not-found", *gone)
        assert nodes.clean_up().done == {}
        counted = _requests(fleet, nodes.clean_up)
        given_back = {line.subject for line in counted.report.lines if line.what == "released"}
        assert given_back == {f"m-{number:05}" for number in idle}
        assert {it.name for it in fleet.kubernetes.nodes() if it.cordoned} == {f"fake-{it}" for it in idle}
        assert fleet.api.requests["POST eviction"] == 0
        assert counted.requests["PATCH node"] == len(idle)
        assert sum(counted.requests.values()) <= len(idle) + 6 + 10
        fleet.testbed.kubectl("delete", "node", *(f"fake-{number}" for number in idle))
        idle = {number + 1 for number in idle}
    assert len(fleet.cloud.live()) == count - 2 * len(idle)


@dataclass
class Counted:
    report: Any
    requests: Counter[str]


def _requests(fleet: Fleet, act: Any) -> Counted:
    """What something returns, and the requests that it made; those to one node each count as one kind."""
    before = Counter(fleet.api.requests)
    report = act()
    made: Counter[str] = Counter()
    for name, count in (fleet.api.requests - before).items():
        made["PATCH node" if name.startswith("PATCH fake-") else name] += count
    return Counted(report, made)


def _is_refused(call: Any) -> bool:
    try:
        call()
    except PlatformRefused:
        return True
    return False  # the API server learns a moment later what it has stored


@pytest.mark.long
def test_what_the_credentials_lack_is_named(fleet):
    fleet.make(1)
    fleet.testbed.kubectl("delete", "clusterrolebinding", f"dcluster-nodes-{fleet.namespace}")
    pod = NodePod(fleet.namespace, "web", "uid", "fake-0", "ReplicaSet", "Running")
    node = ClusterNode("fake-0", "uid", "", True, False, LONG_AGO)
    calls = {
        "list nodes": fleet.kubernetes.nodes,
        "list pods": fleet.kubernetes.pods,
        "patch nodes": lambda: fleet.kubernetes.cordon(node),
        "get nodes": lambda: fleet.kubernetes.label(node, {"a": "b"}, ()),
        "create pods/eviction": lambda: fleet.kubernetes.evict(pod),
    }
    assert fleet.testbed.wait_until(lambda: _is_refused(fleet.kubernetes.nodes), "the rights are gone")
    for right, call in calls.items():
        with pytest.raises(PlatformRefused, match=rf"may not {right} in the whole cluster") as refused:
            call()
        assert "airflow dcluster rbac --nodes" in refused.value.diagnosis.remedy
    granted = {f"{verb} {access.resource}" for access in NODES for verb in access.verbs}
    assert set(calls) == granted
