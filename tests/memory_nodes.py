"""A cloud and the nodes of a Kubernetes cluster in memory, which do what they are told.

What they stand in for is run for real elsewhere: clouds against fakes of their own interfaces, nodes on the testbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod
from dcluster_provider.core.diagnosis import Diagnosis, NodeCode
from dcluster_provider.core.errors import CloudUnavailable, InvalidSpec, NodesFailed, PlatformUnavailable
from dcluster_provider.core.machines import Capacity, Machine, MachineState, NodeOrder
from dcluster_provider.platforms.capabilities import Eviction

REGION = "here-1"
DEPLOYMENT = "airflow"
CONNECTION = "dcluster_default"
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)
TYPES = {"small": Capacity(2, 8 * 2**30), "large": Capacity(8, 32 * 2**30)}


@dataclass
class MemoryCluster:
    """The nodes of a Kubernetes cluster and the pods on them.

    :param protected: the uids of pods that a PodDisruptionBudget keeps.
    :param slow: the uids of pods that are ending for ever once they are evicted.
    :param fails: names of methods that find nobody who answers.
    :param requests: each call and what it was about.
    :param before: called with the name of each method before it does anything.
    """

    by_name: dict[str, ClusterNode] = field(default_factory=dict)
    by_uid: dict[str, NodePod] = field(default_factory=dict)
    taints: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _name: None

    def add_node(self, name: str, provider_id: str = "", **changes: Any) -> ClusterNode:
        """A node that is ready, unless the changes say otherwise."""
        node = ClusterNode(name, f"uid of {name}", provider_id, True, False, LONG_AGO)
        self.by_name[name] = replace(node, **changes)
        return self.by_name[name]

    def add_pod(self, node: str, name: str, owner: str = "ReplicaSet", **changes: Any) -> NodePod:
        """A pod that runs on a node."""
        pod = NodePod("default", name, f"uid of {name}", node, owner, "Running")
        pod = replace(pod, **changes)
        self.by_uid[pod.uid] = pod
        return pod

    def nodes(self) -> list[ClusterNode]:
        self._asked("nodes", "")
        return list(self.by_name.values())

    def pods(self, nodes: Sequence[str] = ()) -> list[NodePod]:
        self._asked("pods", ",".join(nodes))
        return [pod for pod in self.by_uid.values() if not nodes or pod.node in nodes]

    def cordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        self._asked("cordon", node.name)
        return self._change(node, annotations, cordoned=True)

    def uncordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        self._asked("uncordon", node.name)
        return self._change(node, annotations, cordoned=False)

    def label(
        self, node: ClusterNode, labels: Mapping[str, str], taints: Sequence[Mapping[str, str]]
    ) -> bool:
        self._asked("label", node.name)
        found = self.by_name.get(node.name)
        if found is None or found.uid != node.uid:
            return False
        self.by_name[node.name] = replace(found, labels={**found.labels, **labels})
        had = [it for it in self.taints.get(node.name, []) if it["key"] not in {new["key"] for new in taints}]
        self.taints[node.name] = had + [dict(it) for it in taints]
        return True

    def evict(self, pod: NodePod) -> Eviction:
        self._asked("evict", pod.name)
        found = self.by_uid.get(pod.uid)
        if found is None:
            return Eviction("gone")
        if pod.uid in self.protected:
            return Eviction("blocked", "the disruption budget needs 1 healthy pods and has 1 currently")
        if pod.uid in self.slow:
            self.by_uid[pod.uid] = replace(found, ends_at=datetime.now(timezone.utc) + timedelta(hours=1))
        else:
            del self.by_uid[pod.uid]
        return Eviction("begun")

    def _change(
        self, node: ClusterNode, annotations: Mapping[str, str | None] | None, *, cordoned: bool
    ) -> bool:
        found = self.by_name.get(node.name)
        if found is None or found.uid != node.uid:
            return False
        merged = {**found.annotations, **(annotations or {})}
        kept = {name: value for name, value in merged.items() if value is not None}
        self.by_name[node.name] = replace(found, cordoned=cordoned, annotations=kept)
        return True

    def _asked(self, method: str, about: str) -> None:
        self.before(method)
        self.requests.append((method, about))
        if method in self.fails:
            raise PlatformUnavailable(f"{method}: no answer")


@dataclass
class MemoryCloud:
    """A fleet of machines, whoever launched them; see :class:`~dcluster_provider.nodes.base.Cloud`.

    :param cluster: its machines join it as soon as they run; none means that they never do.
    :param owners: the deployment that each machine carries the mark of; empty for one without any.
    :param stock: how many machines of each kind can be had; none means any number.
    :param unlisted: the ids of machines that were launched and are not listed yet.
    :param starts: what machines are in when they are launched.
    :param joins: machines that run become nodes at once.
    :param fails: names of methods that find nobody who answers.
    :param requests: each call and what it was about.
    :param before: called with the name of each method before it does anything.
    """

    cluster: MemoryCluster | None = None
    fleet: dict[str, Machine] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    stock: dict[str, int] | None = None
    unlisted: set[str] = field(default_factory=set)
    starts: MachineState = MachineState.RUNNING
    joins: bool = True
    fails: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _name: None
    name: str = "memory"

    def add(
        self, machine_id: str, *, deployment: str = DEPLOYMENT, node: bool = True, **changes: Any
    ) -> Machine:
        """A machine that has run for long, and its node."""
        machine = Machine(
            machine_id,
            f"memory:///{machine_id}",
            MachineState.RUNNING,
            "small",
            REGION,
            LONG_AGO,
            connection=CONNECTION,
        )
        self.fleet[machine_id] = replace(machine, **changes)
        self.owners[machine_id] = deployment
        if node and self.cluster is not None:
            self.cluster.add_node(f"node-{machine_id}", machine.provider_id)
        return self.fleet[machine_id]

    def run(self, *machine_ids: str) -> None:
        """Let machines run that were starting, all of them when none is named."""
        for machine in list(self.fleet.values()):
            if machine.state is MachineState.STARTING and (not machine_ids or machine.id in machine_ids):
                self.fleet[machine.id] = replace(machine, state=MachineState.RUNNING)
                self._join(machine)

    def live(self) -> set[str]:
        """The ids of the machines, whoever launched them, that neither end nor are gone."""
        return {
            it.id for it in self.fleet.values() if it.state not in (MachineState.ENDING, MachineState.GONE)
        }

    def region(self, given: str) -> str:
        if given not in ("", REGION, "there-1"):
            raise InvalidSpec(f"field region: there is no region {given!r}; did you mean {REGION!r}?")
        return given or REGION

    def check_order(self, order: NodeOrder) -> None:
        for kind in order.instance_types:
            if kind not in TYPES:
                raise InvalidSpec(f"field instanceType: there is no {kind!r}; did you mean 'small'?")

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        for machine_id in machine_ids:
            if not machine_id.startswith("m-"):
                raise InvalidSpec(
                    f"field nodeIds: {machine_id!r} is not an id of this cloud; they begin with m-"
                )

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        self._asked("launch", order.mark)
        live = [it for it in self._own(order.region) if it.mark == order.mark and it.state.is_live]
        live += [self._make(order) for _ in range(order.count - len(live))]
        if len(live) > order.count:
            self.terminate([it.id for it in live[order.count :]], order.region)
        return tuple(live[: order.count])

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:
        self._asked("machines", mark)
        found = [machine for machine in self._own(region) if not mark or machine.mark == mark]
        return [machine for machine in found if machine.id not in self.unlisted]

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:
        self._asked("terminate", ",".join(machine_ids))
        own = {machine.id for machine in self._own(region)}
        for machine_id in machine_ids:
            if machine_id in own:
                machine = replace(self.fleet[machine_id], state=MachineState.GONE, reason="User initiated")
                self.fleet[machine_id] = machine
                if self.cluster is not None:
                    self._leave(machine)
        return tuple(it for it in machine_ids if it in own or it not in self.fleet)

    def instance_types(self, region: str) -> frozenset[str]:
        self._asked("instance_types", "")
        return frozenset(TYPES)

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        self._asked("capacities", ",".join(instance_types))
        return {kind: TYPES[kind] for kind in instance_types if kind in TYPES}

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        self._asked("list_instances", "")
        for machine in list(self.fleet.values()):
            if machine.region == region and machine.state is not MachineState.GONE:
                yield machine.id, {"state": machine.state.value, "type": machine.instance_type}

    def _own(self, region: str) -> list[Machine]:
        return [it for it in self.fleet.values() if it.region == region and self.owners[it.id] == DEPLOYMENT]

    def _make(self, order: NodeOrder) -> Machine:
        kind = next((it for it in order.instance_types if self.stock is None or self.stock.get(it)), None)
        if kind is None:
            given_back = [it.id for it in self._own(order.region) if it.mark == order.mark]
            self.terminate(given_back, order.region)
            diagnosis = Diagnosis(
                NodeCode.NO_CAPACITY, "The cloud has no such machines left.", "Ask for another kind."
            )
            raise NodesFailed(f"{order.count} nodes of type {order.instance_types[0]}", diagnosis)
        if self.stock is not None:
            self.stock[kind] -= 1
        machine = self.add(
            f"m-{len(self.fleet):04}",
            node=False,
            state=self.starts,
            instance_type=kind,
            region=order.region,
            launched_at=datetime.now(timezone.utc),
            mark=order.mark,
            cluster=order.cluster,
        )
        if machine.state is MachineState.RUNNING:
            self._join(machine)
        return machine

    def _join(self, machine: Machine) -> None:
        if self.cluster is not None and self.joins:
            self.cluster.add_node(f"node-{machine.id}", machine.provider_id)

    def _leave(self, machine: Machine) -> None:
        assert self.cluster is not None
        for node in list(self.cluster.by_name.values()):
            if node.provider_id == machine.provider_id:
                del self.cluster.by_name[node.name]
                for pod in [it for it in self.cluster.by_uid.values() if it.node == node.name]:
                    del self.cluster.by_uid[pod.uid]

    def _asked(self, method: str, about: str) -> None:
        self.before(method)
        self.requests.append((method, about))
        if method in self.fails:
            raise CloudUnavailable(f"{method}: no answer")
