"""Draining and destroying: what goes, what is waited for, what is left and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from crash_points import CrashPoints, Killed
from memory_nodes import MemoryCloud, MemoryCluster

from dcluster_provider.control.nodes.drainer import LEFT, STARTED, WAS_CORDONED
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import CloudUnavailable, InvalidSpec, WaitTimeout
from dcluster_provider.core.machines import MachineState

TIMEOUT = timedelta(minutes=15)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    for module in ("nodes", "destroyer", "drainer"):
        monkeypatch.setattr(f"dcluster_provider.control.nodes.{module}.utc_now", clock)
    return clock


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def cloud(cluster) -> MemoryCloud:
    cloud = MemoryCloud(cluster)
    for number in range(3):
        cloud.add(f"m-{number}")
        cluster.add_pod(f"node-m-{number}", f"daemon-{number}", "DaemonSet")
        cluster.add_pod(f"node-m-{number}", f"mirror-{number}", "Node", mirror=True)
        cluster.add_pod(f"node-m-{number}", f"done-{number}", "Job", phase="Succeeded")
    return cloud


@pytest.fixture
def make_nodes(control, settings):
    def make(cloud, cluster) -> Nodes:
        return Nodes(
            control.registry,
            cloud,
            cluster,
            settings.model_copy(update={"nodes": NodeSettings(cloud="ec2", drain_timeout=TIMEOUT)}),
        )

    return make


@pytest.fixture
def nodes(make_nodes, cloud, cluster, clock) -> Nodes:
    return make_nodes(cloud, cluster)


def wanted(*ids: str) -> dict[str, object]:
    return {"nodeIds": list(ids)}


def test_a_node_that_nothing_uses_goes_at_once_and_no_other(nodes, cloud):
    destroyed = nodes.destroy_step(wanted("m-1"))
    assert (destroyed.released, destroyed.is_finished) == (("m-1",), True)
    assert cloud.live() == {"m-0", "m-2"}
    assert nodes.destroy_step(wanted("m-1")).released == ("m-1",), "gone already"
    assert nodes.destroy(["m-1", "m-0"], poll_interval=0.01) == ("m-1", "m-0")


def test_pods_are_evicted_before_their_machine_goes(nodes, cloud, cluster):
    cluster.add_pod("node-m-1", "web")
    slow = cluster.add_pod("node-m-1", "slow")
    cluster.slow.add(slow.uid)
    first = nodes.destroy_step(wanted("m-1"))
    assert "default/web" in first.draining["m-1"]
    assert cluster.by_name["node-m-1"].cordoned
    second = nodes.destroy_step(wanted("m-1"))
    assert second.draining == {"m-1": "waits for 1 pods: default/slow (is ending)"}
    assert cluster.requests.count(("evict", "slow")) == 1, "a pod that ends is asked once"
    del cluster.by_uid[slow.uid]
    assert nodes.destroy_step(wanted("m-1")).released == ("m-1",)
    assert {pod.name for pod in cluster.by_uid.values() if pod.node == "node-m-0"} == {
        "daemon-0",
        "mirror-0",
        "done-0",
    }


def test_a_budget_is_respected_until_the_deadline_and_then_the_node_is_left(nodes, cloud, cluster, clock):
    pod = cluster.add_pod("node-m-1", "web")
    cluster.protected.add(pod.uid)
    begun = clock.now
    clock.pass_by(seconds=1)
    first = nodes.destroy_step(wanted("m-0", "m-1"), begun)
    assert first.released == ("m-0",)
    assert "the eviction of default/web is blocked: the disruption budget needs 1" in first.draining["m-1"]
    clock.pass_by(minutes=14)
    assert not nodes.destroy_step(wanted("m-0", "m-1"), begun).is_finished
    clock.pass_by(minutes=2)
    last = nodes.destroy_step(wanted("m-0", "m-1"), begun)
    assert last.is_finished
    assert "not empty after 900 s: 1 pods: default/web (Running)" in last.left["m-1"]
    node = cluster.by_name["node-m-1"]
    assert (node.cordoned, STARTED in node.annotations) == (False, False)
    # Whoever goes on with the same request is told the same, and disturbs nothing.
    asked = len([it for it in cluster.requests if it[0] in ("cordon", "evict")])
    assert nodes.destroy_step(wanted("m-0", "m-1"), begun).left == last.left
    assert nodes.destroy_step(wanted("m-0", "m-1")).left == last.left
    assert len([it for it in cluster.requests if it[0] in ("cordon", "evict")]) == asked
    # A later request begins anew.
    clock.pass_by(seconds=1)
    assert list(nodes.destroy_step(wanted("m-1"), clock.now).draining) == ["m-1"]
    assert cloud.live() == {"m-1", "m-2"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"owner": ""}, "it has no controller"),
        ({"local_volumes": ("scratch",)}, "its volume scratch is on the node"),
        (
            {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
            "safe-to-evict is false",
        ),
    ],
)
def test_a_pod_that_must_not_be_moved_is_waited_for_and_no_other_moved(nodes, cluster, clock, changes, why):
    held = cluster.add_pod("node-m-1", "held", **changes)
    cluster.add_pod("node-m-1", "web")
    assert why in nodes.destroy_step(wanted("m-1")).draining["m-1"]
    assert not [it for it in cluster.requests if it[0] == "evict"]
    del cluster.by_uid[held.uid]  # it ended by itself
    nodes.destroy_step(wanted("m-1"))
    assert nodes.destroy_step(wanted("m-1")).released == ("m-1",)


def test_pods_of_a_node_that_died_do_not_hold_it(nodes, cluster, clock):
    lost = cluster.add_pod("node-m-1", "lost", ends_at=clock.now)
    assert list(nodes.destroy_step(wanted("m-1")).draining) == ["m-1"]
    clock.pass_by(seconds=61)
    assert nodes.destroy_step(wanted("m-1")).released == ("m-1",)
    assert lost.uid not in cluster.by_uid


def test_a_node_that_somebody_had_cordoned_stays_so_when_it_is_left(nodes, cluster, clock):
    pod = cluster.add_pod("node-m-1", "web")
    cluster.protected.add(pod.uid)
    cluster.by_name["node-m-1"] = replace(cluster.by_name["node-m-1"], cordoned=True)
    nodes.destroy_step(wanted("m-1"))
    assert WAS_CORDONED in cluster.by_name["node-m-1"].annotations
    clock.pass_by(minutes=16)
    assert list(nodes.destroy_step(wanted("m-1")).left) == ["m-1"]
    node = cluster.by_name["node-m-1"]
    assert (node.cordoned, set(node.annotations)) == (True, {LEFT})


def test_who_uncordons_a_node_ends_its_drain(nodes, cluster, clock):
    cluster.protected.add(cluster.add_pod("node-m-1", "web").uid)
    begun = clock.now
    nodes.destroy_step(wanted("m-1"), begun)
    cluster.by_name["node-m-1"] = replace(cluster.by_name["node-m-1"], cordoned=False)
    assert nodes.destroy_step(wanted("m-1"), begun).left == {"m-1": "it was uncordoned during its drain"}
    nodes.destroy_step(wanted("m-1"), clock.now + timedelta(seconds=1))
    assert nodes.uncordon(["node-m-1"]) == ("node-m-1",)
    assert nodes.destroy_step(wanted("m-1"), begun).left == {"m-1": "it was uncordoned"}
    assert not cluster.by_name["node-m-1"].cordoned


def test_a_new_request_gives_an_abandoned_drain_its_whole_time(nodes, cluster, clock):
    cluster.protected.add(cluster.add_pod("node-m-1", "web").uid)
    nodes.destroy_step(wanted("m-1"), clock.now)
    clock.pass_by(minutes=20)
    begun = clock.now
    assert list(nodes.destroy_step(wanted("m-1"), begun).draining) == ["m-1"]
    clock.pass_by(minutes=14)
    assert list(nodes.destroy_step(wanted("m-1"), begun).draining) == ["m-1"]
    clock.pass_by(minutes=2)
    assert list(nodes.destroy_step(wanted("m-1"), begun).left) == ["m-1"]


def test_machines_that_are_no_nodes_go_at_once(make_nodes, nodes, cloud, cluster):
    cloud.add("m-7", node=False)
    cloud.add("m-8", node=False, state=MachineState.STARTING)
    cloud.add("m-9", node=False, state=MachineState.STOPPED)
    assert nodes.destroy_step(wanted("m-7", "m-8", "m-9")).released == ("m-7", "m-8", "m-9")
    assert [it for it, _ in cluster.requests] == ["nodes"]
    assert make_nodes(cloud, None).destroy_step(wanted("m-0")).released == ("m-0",)


def test_what_is_not_ours_is_left_with_the_reason(nodes, cloud):
    cloud.add("m-other", deployment="other")
    cloud.add("m-bare", deployment="")
    cloud.add("m-there", region="there-1")
    cloud.add("m-conn", connection="another", node=False)
    cloud.add("m-same", connection="of the same Kubernetes")
    before = cloud.live()
    ids = ("m-other", "m-bare", "m-there", "m-conn", "m-never")
    destroyed = nodes.destroy_step(wanted(*ids, "m-0", "m-same"))
    assert destroyed.released == ("m-0", "m-same")
    assert set(destroyed.left) == set(ids)
    assert "this deployment has no machine with this id in here-1" in destroyed.left["m-other"]
    assert "no node of this Kubernetes, and the connection 'another' launched it" in destroyed.left["m-conn"]
    assert cloud.live() == before - {"m-0", "m-same"}


def test_a_machine_that_its_cloud_does_not_take_back_is_told(nodes, cloud, monkeypatch):
    monkeypatch.setattr(cloud, "terminate", lambda _ids, _region: ())
    assert nodes.destroy_step(wanted("m-0")).left == {"m-0": "its cloud did not release it"}


@pytest.mark.parametrize("fails", ["machines", "terminate"])
def test_a_cloud_that_does_not_answer_is_asked_again(nodes, cloud, fails):
    cloud.fails = {fails}
    with pytest.raises(CloudUnavailable):
        nodes.destroy_step(wanted("m-0"))
    cloud.fails = set()
    assert nodes.destroy_step(wanted("m-0")).released == ("m-0",)


def test_a_blocking_destruction_gives_up_in_time_and_loses_nothing(nodes, cloud, cluster):
    cluster.protected.add(cluster.add_pod("node-m-1", "web").uid)
    with pytest.raises(WaitTimeout, match="1 draining"):
        nodes.destroy(["m-1"], timeout=0, poll_interval=0.01)
    cluster.protected.clear()
    assert nodes.destroy(["m-1"], poll_interval=0.01) == ("m-1",)


def test_nodes_are_drained_by_name_and_stay(nodes, cloud, cluster):
    cluster.add_node("rack-7")
    cluster.add_pod("rack-7", "web")
    assert list(nodes.drain_step(["rack-7", "node-m-0"]).draining) == ["rack-7"]
    assert str(nodes.drain(["rack-7", "node-m-0"], poll_interval=0.01)) == "2 nodes empty, 0 draining, 0 left"
    node = cluster.by_name["rack-7"]
    assert (node.cordoned, node.annotations) == (True, {})
    asked = len(cluster.requests)
    assert nodes.drain_step(["rack-7"]).empty == ("rack-7",)
    assert [it for it, _ in cluster.requests[asked:]] == ["nodes", "pods"], "nothing is changed again"
    assert nodes.uncordon(["rack-7"]) == ("rack-7",)
    assert not cluster.by_name["rack-7"].cordoned
    assert nodes.cordon(["rack-7", "rack-7"]) == ("rack-7",)
    assert len(cloud.live()) == 3


@pytest.mark.parametrize("call", ["cordon", "uncordon", "drain_step"])
def test_unknown_names_are_refused_before_anything_is_done(make_nodes, nodes, cluster, cloud, call):
    before = dict(cluster.by_name)
    with pytest.raises(InvalidSpec, match=r"no node 'node-m-11'.*did you mean 'node-m-1'"):
        getattr(nodes, call)(["node-m-0", "node-m-11"])
    with pytest.raises(InvalidSpec, match="field names: is empty"):
        getattr(nodes, call)([])
    assert cluster.by_name == before
    with pytest.raises(InvalidSpec, match="name a connection of the Kubernetes platform"):
        getattr(make_nodes(cloud, None), call)(["node-m-0"])


def _scene(cluster, cloud):
    """Nodes in every stage that a destruction finds them in."""
    cluster.add_pod("node-m-0", "web")
    cluster.protected.add(cluster.add_pod("node-m-1", "kept").uid)
    cloud.add("m-5", node=False)
    cloud.add("m-other", deployment="other")
    cluster.add_pod("node-m-other", "their-own")
    return wanted("m-0", "m-1", "m-5", "m-other")


def _destroy_to_the_end(nodes, request, clock, begun):
    for _ in range(40):
        destroyed = nodes.destroy_step(request, begun)
        if destroyed.is_finished:
            return destroyed
        clock.pass_by(minutes=1)
    raise AssertionError(destroyed)


def _state(cloud, cluster):
    nodes = {it.name: (it.cordoned, sorted(it.annotations)) for it in cluster.by_name.values()}
    return cloud.live(), nodes, {pod.name for pod in cluster.by_uid.values()}


def test_a_destruction_that_is_killed_anywhere_ends_as_if_it_had_not_been(make_nodes, clock):
    def run(point):
        cluster = MemoryCluster()
        cloud = MemoryCloud(cluster)
        for number in range(3):
            cloud.add(f"m-{number}")
        request, points, begun = _scene(cluster, cloud), CrashPoints(point), clock.now
        killed = 0
        try:
            _destroy_to_the_end(
                make_nodes(points.around(cloud), points.around(cluster)), request, clock, begun
            )
        except Killed:
            killed = 1
        points.point = None
        destroyed = _destroy_to_the_end(make_nodes(cloud, cluster), request, clock, begun)
        return killed, points.calls, _state(cloud, cluster), (set(destroyed.released), set(destroyed.left))

    _, calls, state, told = run(None)
    assert state[0] == {"m-1", "m-2", "m-other"}
    assert told == ({"m-0", "m-5"}, {"m-1", "m-other"})
    assert calls > 50
    for point in range(2 * calls):
        killed, _, state_then, told_then = run(point)
        assert (state_then, told_then) == (state, told), f"killed at {point}"
        assert killed, point


def test_two_that_destroy_the_same_at_once_do_it_once(make_nodes, clock):
    cluster = MemoryCluster()
    cloud = MemoryCloud(cluster)
    for number in range(3):
        cloud.add(f"m-{number}")
    request, begun = _scene(cluster, cloud), clock.now
    one, other = make_nodes(cloud, cluster), make_nodes(cloud, cluster)
    # The other one makes a whole step of its own between any two calls of the first.
    busy = []

    def step_between(_name):
        if not busy:
            busy.append(1)
            other.destroy_step(request, begun)
            busy.pop()

    cloud.before = cluster.before = step_between
    destroyed = _destroy_to_the_end(one, request, clock, begun)
    assert set(destroyed.released) == {"m-0", "m-5"}
    assert cloud.live() == {"m-1", "m-2", "m-other"}
    assert not cluster.by_name["node-m-1"].cordoned
