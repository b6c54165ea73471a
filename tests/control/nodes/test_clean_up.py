"""The clean-up of nodes: what it finds, what it gives back in a later pass, and what it never touches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from crash_points import CrashPoints, Killed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_nodes import DEPLOYMENT, REGION, MemoryCloud, MemoryCluster

from dcluster_provider.control.nodes.clean_up import NodeCleanUp
from dcluster_provider.control.nodes.drainer import STARTED, WAS_CORDONED
from dcluster_provider.control.nodes.machine_use import REMOVING
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.core.cluster_nodes import KEEP_NODE
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.machines import MachineState
from dcluster_provider.core.record import ClusterState

SETTINGS = NodeSettings(cloud="ec2", unused_after=timedelta(minutes=10))


class Bench:
    """A fleet, the clean-up of it, and a clock."""

    def __init__(self, registry, settings, monkeypatch, nodes: NodeSettings = SETTINGS) -> None:
        self.cluster = MemoryCluster()
        self.cloud = MemoryCloud(self.cluster)
        self.registry = registry
        self.settings = settings.model_copy(update={"nodes": nodes})
        self.now = datetime.now(timezone.utc)
        for module in ("clean_up", "nodes", "destroyer", "drainer"):
            monkeypatch.setattr(f"dcluster_provider.control.nodes.{module}.utc_now", lambda: self.now)

    def add(self, *machine_ids: str, **changes) -> None:
        """Machines whose nodes have what every node has."""
        for machine_id in machine_ids:
            self.cloud.add(machine_id, **changes)
            node = f"node-{machine_id}"
            if node in self.cluster.by_name:
                self.cluster.add_pod(node, f"daemon-{machine_id}", "DaemonSet")
                self.cluster.add_pod(node, f"mirror-{machine_id}", "Node", mirror=True)
                self.cluster.add_pod(node, f"done-{machine_id}", "Job", phase="Failed")

    def change_node(self, machine_id: str, **changes) -> None:
        name = f"node-{machine_id}"
        self.cluster.by_name[name] = replace(self.cluster.by_name[name], **changes)

    def clean_up(self, points: CrashPoints | None = None, *, dry_run: bool = False) -> MaintenanceReport:
        points = points or CrashPoints()
        around = [points.around(it) for it in (self.cloud, self.cluster)]
        return NodeCleanUp(points.around_registry(self.registry), *around, self.settings).run(dry_run=dry_run)

    def later(self, **time: float) -> None:
        self.now += timedelta(**(time or {"minutes": 11}))


@pytest.fixture
def make_bench(control, settings, monkeypatch):
    return lambda nodes=SETTINGS: Bench(control.registry, settings, monkeypatch, nodes)


@pytest.fixture
def bench(make_bench) -> Bench:
    return make_bench()


def at_call(method: str, number: int, act: Callable[[], object]) -> Callable[[str], None]:
    """Something that happens right before a method is called for the so-manieth time."""
    calls = []

    def before(name: str) -> None:
        calls.append(name)
        if name == method and calls.count(method) == number:
            act()

    return before


def reasons(report: MaintenanceReport) -> dict[str, str]:
    return {line.subject: line.why for line in report.lines if line.what == "left"}


def done(report: MaintenanceReport) -> dict[str, str]:
    return {line.subject: line.what for line in report.lines if line.what != "left"}


def test_the_idle_are_found_by_one_pass_and_given_back_by_a_later_one(bench):
    bench.add("m-idle", "m-busy")
    bench.cluster.add_pod("node-m-busy", "web")
    first = bench.clean_up()
    assert first.summary() == "Node clean-up: checked 2 machines, 2 nodes, 1 unused; done nothing; left 1"
    assert "nothing uses its node node-m-idle; a run that finds it so after" in reasons(first)["m-idle"]
    bench.later(minutes=9)
    assert bench.clean_up().done == {}
    bench.later(minutes=1)
    assert done(bench.clean_up()) == {"m-idle": "released"}
    assert bench.cloud.live() == {"m-busy"}
    event = bench.registry.events.list(limit=1)[0]
    assert (event.actor, event.action) == ("node clean-up", "REMOVED")
    assert "m-idle (small)" in event.detail
    assert bench.clean_up().summary().endswith("checked 1 machines, 1 nodes, 0 unused; done nothing; left 0")
    assert {method for method, about in bench.cluster.requests if "m-busy" in about} <= {"nodes", "pods"}


def test_no_machine_goes_in_the_pass_that_finds_it(make_bench):
    bench = make_bench(SETTINGS.model_copy(update={"unused_after": timedelta(0)}))
    bench.add("m-1")
    assert bench.clean_up().done == {}
    assert bench.clean_up().done == {"released": 1}


def test_a_node_that_was_used_in_between_begins_anew(bench):
    bench.add("m-1")
    bench.clean_up()
    pod = bench.cluster.add_pod("node-m-1", "web")
    bench.later()
    assert bench.clean_up().summary().endswith("0 unused; done nothing; left 0")
    del bench.cluster.by_uid[pod.uid]
    bench.later()
    assert bench.clean_up().done == {}
    bench.later()
    assert bench.clean_up().done == {"released": 1}


def test_pods_that_come_between_the_look_and_the_cordon_keep_their_node(bench):
    bench.add("m-1", "m-2")
    bench.clean_up()
    bench.later()

    def arrive(method):
        if method == "cordon" and not any(it.name == "late" for it in bench.cluster.by_uid.values()):
            bench.cluster.add_pod("node-m-1", "late")

    bench.cluster.before = arrive
    report = bench.clean_up()
    assert done(report) == {"m-2": "released"}
    assert reasons(report) == {"m-1": "at the second check: default/late uses it"}
    node = bench.cluster.by_name["node-m-1"]
    assert (node.cordoned, node.annotations) == (False, {})


def test_what_a_person_sets_aside_before_the_cordon_is_kept(bench):
    bench.add("m-1")
    bench.clean_up()
    bench.later()
    bench.cluster.before = at_call(
        "nodes", 2, lambda: bench.change_node("m-1", annotations={KEEP_NODE: "true"})
    )
    assert "at the second check: its annotation" in reasons(bench.clean_up())["m-1"]
    assert bench.cloud.live() == {"m-1"}


def test_a_cluster_that_takes_a_machine_before_the_cordon_keeps_it(bench, control):
    bench.add("m-1")
    bench.clean_up()
    bench.later()

    def take():
        cluster = control.clusters.launch({"tenant": "team"})
        bench.cloud.fleet["m-1"] = replace(bench.cloud.fleet["m-1"], cluster=cluster.name)

    bench.cloud.before = at_call("machines", 2, take)
    assert "at the second check: the cluster" in reasons(bench.clean_up())["m-1"]
    assert bench.cloud.live() == {"m-1"}


def test_a_node_that_was_made_anew_is_looked_at_by_the_next_pass(bench):
    bench.add("m-1")
    bench.clean_up()
    bench.later()
    bench.cluster.before = at_call("cordon", 1, lambda: bench.change_node("m-1", uid="another"))
    assert "its node was recreated" in reasons(bench.clean_up())["m-1"]
    assert not bench.cluster.by_name["node-m-1"].cordoned
    assert done(bench.clean_up()) == {"m-1": "released"}


def test_machines_of_live_clusters_and_of_launches_that_go_on_are_used(bench, control):
    cluster = control.clusters.launch({"tenant": "team"})
    bench.add("m-cluster", cluster=cluster.name)
    young = bench.now - timedelta(minutes=12)
    bench.add("m-first", mark="order", launched_at=young)
    bench.add("m-second", mark="order", launched_at=young, node=False)
    bench.add("m-new", launched_at=bench.now - timedelta(minutes=1))
    for _ in range(2):
        report = bench.clean_up()
        assert report.summary().endswith("0 unused; done nothing; left 0")
        bench.later(minutes=2)
    control.clusters.terminate(cluster.id)
    control.clusters.wait(cluster.id, [ClusterState.TERMINATED], poll_interval=0.01)
    bench.later(minutes=30)
    bench.clean_up()
    bench.later()
    assert set(done(bench.clean_up())) == {"m-cluster", "m-first", "m-second", "m-new"}


def test_what_a_person_has_set_aside_is_kept_and_told(bench):
    bench.add("m-cordoned", "m-kept", "m-drained", "m-stopped")
    bench.change_node("m-cordoned", cordoned=True)
    bench.change_node("m-kept", annotations={KEEP_NODE: "true"})
    bench.change_node("m-drained", cordoned=True, annotations={STARTED: bench.now.isoformat()})
    bench.cloud.add("m-stopped", state=MachineState.STOPPED)
    bench.clean_up()
    bench.later()
    report = bench.clean_up()
    assert report.done == {}
    told = reasons(report)
    assert "it was cordoned by hand" in told["m-cordoned"]
    assert "scale-down-disabled is true" in told["m-kept"]
    assert "it has been draining since" in told["m-drained"]
    assert "it was stopped by hand" in told["m-stopped"]


def test_a_drain_that_nobody_goes_on_with_is_ended(bench):
    marks = {STARTED: bench.now.isoformat()}
    bench.add("m-1", "m-2", "m-3")
    bench.cluster.add_pod("node-m-1", "web")
    bench.cluster.add_pod("node-m-2", "web-2")
    bench.change_node("m-1", cordoned=True, annotations=marks)
    bench.change_node("m-2", cordoned=True, annotations={**marks, WAS_CORDONED: "true"})
    bench.change_node("m-3", cordoned=True, annotations=marks)
    bench.later(minutes=16)
    assert bench.clean_up().done == {}
    bench.later(minutes=5)
    assert done(bench.clean_up(dry_run=True)) == {"m-1": "uncordoned", "m-2": "uncordoned"}
    assert bench.cluster.by_name["node-m-1"].cordoned
    assert done(bench.clean_up()) == {"m-1": "uncordoned", "m-2": "uncordoned"}
    cordoned = [bench.cluster.by_name[f"node-m-{number}"].cordoned for number in (1, 2, 3)]
    assert cordoned == [False, True, True]
    bench.later()
    assert done(bench.clean_up()) == {"m-3": "released"}


def test_machines_of_another_registry_are_not_touched(bench):
    bench.add("m-theirs", registry_id="another")
    bench.add("m-ours", registry_id=bench.registry.id)
    bench.clean_up()
    bench.later()
    assert done(bench.clean_up()) == {"m-ours": "released"}
    assert bench.cloud.live() == {"m-theirs"}


def test_machines_that_never_became_nodes_go(bench):
    bench.add("m-late", "m-starting", "m-young", "m-conn", node=False)
    fleet = bench.cloud.fleet
    fleet["m-starting"] = replace(fleet["m-starting"], state=MachineState.STARTING)
    fleet["m-young"] = replace(fleet["m-young"], launched_at=bench.now - timedelta(seconds=1))
    fleet["m-conn"] = replace(fleet["m-conn"], connection="another")
    first = bench.clean_up()
    assert "it is no node of Kubernetes" in reasons(first)["m-late"]
    bench.later()
    report = bench.clean_up()
    assert done(report) == {"m-late": "released", "m-starting": "released"}
    assert "another connection may have launched it" in reasons(report)["m-conn"]


def test_nodes_of_another_kubernetes_are_kept_when_the_connection_is_changed(bench):
    bench.add("m-1", "m-2")
    for number in (1, 2):
        bench.cluster.add_pod(f"node-m-{number}", f"web-{number}")
    bench.clean_up()
    bench.cluster.by_name.clear()
    bench.cluster.by_uid.clear()
    bench.cluster.add_node("of-another")
    for _ in range(3):
        bench.later()
        report = bench.clean_up()
        assert report.done == {}
        assert "it was a node of this Kubernetes and is none any more" in reasons(report)["m-1"]
    assert bench.cloud.live() == {"m-1", "m-2"}


def test_without_a_kubernetes_no_machine_that_runs_is_given_back(bench):
    bench.cloud.cluster = None
    bench.add("m-running")
    bench.add("m-stuck", state=MachineState.STARTING)

    def clean_up():
        return NodeCleanUp(bench.registry, bench.cloud, None, bench.settings).run()

    clean_up()
    bench.later()
    report = clean_up()
    assert done(report) == {"m-stuck": "released"}
    assert "what runs on it is unknown" in reasons(report)["m-running"]
    # One that begins to run right before it would have gone is looked at once more.
    bench.add("m-late", state=MachineState.STARTING)
    clean_up()
    bench.later()

    bench.cloud.before = at_call("machines", 2, bench.cloud.run)
    assert clean_up().done == {}
    assert "m-late" in bench.cloud.live()


@pytest.mark.parametrize("fails", ["machines", "nodes", "pods"])
def test_nothing_is_changed_when_a_listing_fails(bench, fails):
    bench.add("m-1")
    bench.clean_up()
    bench.later()
    marks = bench.registry.machines.list(
        NodeCleanUp(bench.registry, bench.cloud, None, bench.settings)._scope
    )
    (bench.cloud if fails == "machines" else bench.cluster).fails = {fails}
    with pytest.raises(PlatformUnavailable, match=r"stopped before anything was changed"):
        bench.clean_up()
    assert (
        bench.registry.machines.list(NodeCleanUp(bench.registry, None, None, bench.settings)._scope) == marks
    )
    assert bench.cloud.live() == {"m-1"}
    assert not bench.cluster.by_name["node-m-1"].cordoned


def test_without_machines_kubernetes_is_not_asked_and_its_rights_are_not_needed(bench):
    bench.cluster.fails = {"nodes", "pods"}
    report = bench.clean_up()
    assert (report.done, reasons(report)) == ({}, {})


def test_nothing_is_given_back_while_many_nodes_are_not_ready(bench):
    ids = [f"m-{number}" for number in range(20)]
    bench.add(*ids)
    bench.clean_up()
    bench.later()
    for machine_id in ids[:10]:
        bench.change_node(machine_id, ready=False)
    report = bench.clean_up()
    assert report.done == {}
    assert reasons(report) == {"all machines": "10 of 20 nodes are not ready: nothing is released"}
    bench.change_node("m-9", ready=True)
    assert bench.clean_up().done == {"released": 10}


def test_one_pass_gives_back_only_so_many_those_that_waited_longest_first(make_bench):
    bench = make_bench(SETTINGS.model_copy(update={"max_removed": 2}))
    bench.add("m-9")
    bench.clean_up()
    bench.later(minutes=1)
    bench.add("m-1", "m-2", "m-3")
    bench.clean_up()
    bench.later(minutes=10)
    report = bench.clean_up()
    assert set(done(report)) == {"m-9", "m-1"}
    assert reasons(report)["m-2"] == "this run releases 2 machines, which is the most"
    assert set(done(bench.clean_up())) == {"m-2", "m-3"}


def test_a_dry_run_changes_nothing_and_tells_the_same(bench):
    bench.add("m-1", "m-2")
    bench.cluster.add_pod("node-m-2", "web")
    assert bench.clean_up(dry_run=True).checked["unused"] == 1
    bench.later()
    assert bench.clean_up(dry_run=True).done == {}, "a dry run does not count as a pass"
    bench.clean_up()
    bench.later()
    before = (dict(bench.cloud.fleet), dict(bench.cluster.by_name), bench.registry.events.list())
    report = bench.clean_up(dry_run=True)
    assert (report.dry_run, report.done) == (True, {"released": 1})
    assert (bench.cloud.fleet, bench.cluster.by_name, bench.registry.events.list()) == before
    assert done(bench.clean_up()) == done(report)


def test_a_cloud_that_takes_nothing_back_is_asked_by_the_next_pass(bench):
    bench.add("m-1")
    bench.clean_up()
    bench.later()
    bench.cloud.fails = {"terminate"}
    assert "could not be released now" in reasons(bench.clean_up())["1 machines"]
    assert REMOVING in bench.cluster.by_name["node-m-1"].annotations
    bench.cloud.fails = set()
    assert done(bench.clean_up()) == {"m-1": "released"}


def test_what_a_killed_pass_has_cordoned_takes_pods_again_once_it_is_used(bench):
    bench.add("m-1")
    bench.clean_up()
    bench.later()
    bench.cloud.fails = {"terminate"}
    bench.clean_up()
    bench.cluster.add_pod("node-m-1", "tolerates-it")
    assert done(bench.clean_up()) == {"m-1": "uncordoned"}
    node = bench.cluster.by_name["node-m-1"]
    assert (node.cordoned, node.annotations) == (False, {})


def test_the_idle_of_a_thousand_nodes_are_found_with_few_requests(make_bench):
    bench = make_bench(SETTINGS.model_copy(update={"max_removed": 100}))
    idle = {f"m-{number:04}" for number in range(0, 1000, 31)}
    for number in range(1000):
        bench.add(f"m-{number:04}")
        if f"m-{number:04}" not in idle:
            bench.cluster.add_pod(f"node-m-{number:04}", f"web-{number}")
    assert bench.clean_up().checked == {"machines": 1000, "nodes": 1000, "unused": 33}
    bench.later()
    bench.cluster.requests.clear()
    bench.cloud.requests.clear()
    assert set(done(bench.clean_up())) == idle
    counted = [method for method, _ in bench.cluster.requests + bench.cloud.requests]
    assert {it: counted.count(it) for it in counted} == {
        "machines": 2,
        "nodes": 2,
        "pods": 2,
        "cordon": 33,
        "terminate": 1,
    }


def _to_rest(bench: Bench) -> None:
    """Passes, every ten minutes, until there is nothing more to do."""
    for _ in range(6):
        bench.clean_up()
        bench.later()


def _state(bench: Bench):
    nodes = {it.name: (it.cordoned, it.annotations) for it in bench.cluster.by_name.values()}
    return bench.cloud.live(), nodes, {pod.name for pod in bench.cluster.by_uid.values()}


def test_a_clean_up_that_is_killed_anywhere_ends_as_if_it_had_not_been(make_bench):
    def run(point):
        bench = make_bench()
        bench.add("m-idle", "m-other-idle", "m-busy", "m-late")
        bench.add("m-theirs", deployment="other")
        bench.add("m-stray", node=False)
        bench.cluster.add_pod("node-m-busy", "web")
        bench.cluster.add_pod("node-m-late", "late")
        bench.clean_up()
        bench.later()
        points = CrashPoints(point)
        killed = 0
        try:
            bench.clean_up(points)
        except Killed:
            killed = 1
        _to_rest(bench)
        return killed, points.calls, _state(bench)

    _, calls, state = run(None)
    assert state[0] == {"m-busy", "m-late", "m-theirs"}
    assert calls >= 14
    for point in range(2 * calls):
        killed, _, state_then = run(point)
        assert killed, point
        assert state_then == state, f"killed at {point}"


MACHINE = st.fixed_dictionaries(
    {
        "deployment": st.sampled_from([DEPLOYMENT, "other", ""]),
        "region": st.sampled_from([REGION, "there-1"]),
        "connection": st.sampled_from(["dcluster_default", "another", ""]),
        "state": st.sampled_from([*MachineState]),
        "node": st.booleans(),
        "pods": st.integers(0, 2),
        "cordoned": st.booleans(),
        "ready": st.booleans(),
        "age": st.sampled_from([timedelta(minutes=1), timedelta(days=1)]),
    }
)
ACTIONS = st.lists(
    st.sampled_from(["clean up", "destroy all", "destroy some", "wait", "crash"]), min_size=3, max_size=8
)


@given(fleet=st.lists(MACHINE, max_size=12), actions=ACTIONS, point=st.integers(0, 40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_not_ours_survives_everything(make_bench, fleet, actions, point):
    bench = make_bench(SETTINGS.model_copy(update={"max_removed": 50}))
    for number, it in enumerate(fleet):
        _add(bench, number, **it)
    ids = [f"m-{number}" for number in range(len(fleet) + 1)]
    foreign = {f"m-{number}" for number, it in enumerate(fleet) if not _is_ours(it)}
    before = _of(bench, foreign)
    for action in actions:
        points = CrashPoints(point if action == "crash" else None)
        nodes = Nodes(
            bench.registry, points.around(bench.cloud), points.around(bench.cluster), bench.settings
        )
        with suppress(Killed):
            if action.startswith("destroy"):
                nodes.destroy_step({"nodeIds": ids[:: 1 if action == "destroy all" else 2], "region": REGION})
            elif action == "wait":
                bench.later(minutes=20)
            else:
                live, working = bench.cloud.live(), _working(bench)
                nodes.clean_up()
                assert not (live - bench.cloud.live()) & working, "a clean-up ended a machine with work on it"
    assert _of(bench, foreign) == before


def _add(bench: Bench, number: int, *, pods: int, age: timedelta, **given) -> None:
    ready, cordoned = given.pop("ready"), given.pop("cordoned")
    bench.cloud.add(f"m-{number}", launched_at=bench.now - age, **given)
    if given["node"]:
        bench.change_node(f"m-{number}", cordoned=cordoned, ready=ready)
        for pod in range(pods):
            bench.cluster.add_pod(f"node-m-{number}", f"pod-{number}-{pod}")


def _is_ours(given) -> bool:
    return given["deployment"] == DEPLOYMENT and given["region"] == REGION


def _of(bench: Bench, ids: set[str]):
    """Everything that there is of some machines."""
    names = {f"node-{machine_id}" for machine_id in ids}
    return (
        {it: bench.cloud.fleet[it] for it in ids},
        {it: bench.cluster.by_name.get(it) for it in names},
        {it.uid for it in bench.cluster.by_uid.values() if it.node in names},
    )


def _working(bench: Bench) -> set[str]:
    return {pod.node.removeprefix("node-") for pod in bench.cluster.by_uid.values()}
