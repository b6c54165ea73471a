"""Releases machines that nothing has used for a while: one run finds them, a later run releases them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dcluster_provider.control.nodes.destroyer import nodes_of_machines
from dcluster_provider.control.nodes.drainer import STARTED, WAS_CORDONED
from dcluster_provider.control.nodes.machine_use import REMOVING, Fleet, MachineUse
from dcluster_provider.control.records import utc_now
from dcluster_provider.control.upkeep.report import MaintenanceReport, Notes
from dcluster_provider.core.cluster_nodes import work_by_node
from dcluster_provider.core.errors import CredentialsRefused, PlatformUnavailable
from dcluster_provider.core.machines import Machine, MachineState

if TYPE_CHECKING:
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.capabilities import ClusterNodes
    from dcluster_provider.registry.instances import MachineMark
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)
_MAX_UNREADY = 0.45  # of all nodes: if more are not ready, the control plane or the network is at fault
ACTOR = "node clean-up"


class NodeCleanUp:
    """The clean-up of one connection's machines. Runs may overlap and may be killed at any line: the next continues."""

    def __init__(
        self, registry: Registry, cloud: Cloud, cluster: ClusterNodes | None, settings: Settings
    ) -> None:
        from dcluster_provider.registry.records import Scope

        self._registry = registry
        self._cloud = cloud
        self._cluster = cluster
        self._settings = settings
        self._scope = Scope(settings.deployment, settings.conn_id)

    def run(self, *, dry_run: bool = False) -> MaintenanceReport:
        """Record the machines that nothing uses now, and release those that nothing has used for long.

        :param dry_run: change nothing, and report what would be done.
        :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed completely; nothing was
            changed.
        """
        notes = Notes("Node clean-up", dry_run)
        now = utc_now()
        region = self._cloud.region("")
        fleet, nodes = self._poll(region, now)
        notes.count("machines", len(fleet.machines))
        notes.count("nodes", len(nodes))
        unready = sum(not node.ready for node in nodes)
        if unready > _MAX_UNREADY * len(nodes):
            notes.left("all machines", f"{unready} of {len(nodes)} nodes are not ready: nothing is released")
            return notes.report()
        judged = fleet.judge()
        unused = {machine: why for machine, (use, why) in judged.items() if use is MachineUse.UNUSED}
        notes.count("unused", len(unused))
        for machine, (use, why) in judged.items():
            if use is MachineUse.KEPT:
                notes.left(machine.id, why)
        marks = self._registry.machines.list(self._scope)
        if not dry_run:
            self._remember(fleet, {machine.id for machine in unused}, now)
        self._release(fleet, judged, notes)
        self._release_machines(self._due(unused, marks, now, notes), region, notes)
        return notes.report()

    def _poll(self, region: str, now: datetime, *, pods: bool = True) -> tuple[Fleet, list[ClusterNode]]:
        """The machines of the connection with their nodes and pods, complete or not at all.

        :param pods: whether to list the pods of all nodes, too.
        """
        try:
            # The cloud first: a machine that becomes a node in between is not taken for one that never did.
            machines = self._cloud.machines(region)
            cluster = self._cluster if machines else None  # without machines there is nothing to judge
            nodes = cluster.nodes() if cluster else []
            bound = cluster.pods() if cluster and pods else []
        except CredentialsRefused:
            raise
        except (PlatformUnavailable, OSError) as error:
            raise PlatformUnavailable(
                f"The machines of connection {self._settings.conn_id!r} or what uses them cannot be listed: {error}. "
                "The clean-up stopped before anything was changed."
            ) from error
        # Only the registry that launched a machine knows what it is for.
        own = [it for it in machines if it.registry_id in {"", self._registry.id}]
        there = [it for it in own if it.state not in (MachineState.ENDING, MachineState.GONE)]
        return self._fleet(there, nodes, bound, now), nodes

    def _fleet(
        self, machines: list[Machine], nodes: list[ClusterNode], pods: list[NodePod], now: datetime
    ) -> Fleet:
        names = {machine.cluster for machine in machines if machine.cluster}
        known = self._registry.clusters.find_by_names(names) if names else {}
        marks = self._registry.machines.list(self._scope)
        return Fleet(
            self._settings.nodes,
            self._settings.conn_id,
            now,
            machines,
            nodes_of_machines(machines, nodes) if self._cluster else None,
            work_by_node(pods, now),
            {name for name, (_, state) in known.items() if not state.is_final},
            {machine_id for machine_id, mark in marks.items() if mark.was_node},
        )

    def _remember(self, fleet: Fleet, unused: set[str], now: datetime) -> None:
        from dcluster_provider.registry.instances import MachineMark

        are_nodes = (fleet.nodes or {}).keys()
        marks = {
            it.id: MachineMark(
                it.id in are_nodes or it.id in fleet.were_nodes, now if it.id in unused else None
            )
            for it in fleet.machines
        }
        self._registry.machines.replace_all(
            self._scope, {it: mark for it, mark in marks.items() if mark != MachineMark()}
        )

    def _due(
        self, unused: dict[Machine, str], marks: dict[str, MachineMark], now: datetime, notes: Notes
    ) -> list[Machine]:
        """The machines that an earlier run found unused, and that have been so for long enough; the longest first."""
        settings = self._settings.nodes
        due: list[tuple[datetime, str, Machine]] = []
        for machine, why in unused.items():
            since = marks[machine.id].unused_since if machine.id in marks else None
            if since is not None and now - since >= settings.unused_after:
                due.append((since, machine.id, machine))
                continue
            end = (since or now) + settings.unused_after
            notes.left(machine.id, f"{why}; a run that finds it so after {end:%H:%M:%S} UTC releases it")
        due.sort(key=lambda each: each[:2])
        for _, machine_id, _ in due[settings.max_removed :]:
            notes.left(machine_id, f"this run releases {settings.max_removed} machines, which is the most")
        return [machine for _, _, machine in due[: settings.max_removed]]

    def _release(self, fleet: Fleet, judged: dict[Machine, tuple[MachineUse, str]], notes: Notes) -> None:
        """Uncordon the used nodes that an abandoned drain or clean-up has cordoned."""
        for machine, (use, why) in judged.items():
            if use is MachineUse.ABANDONED and self._cluster is not None and fleet.nodes is not None:
                if not notes.dry_run:
                    self._uncordon(self._cluster, fleet.nodes[machine.id])
                notes.did("uncordoned", machine.id, f"{why}, and its drain was abandoned")

    def _release_machines(self, due: Sequence[Machine], region: str, notes: Notes) -> None:
        if notes.dry_run:
            for machine in due:
                notes.did("released", machine.id, "nothing has used it for long")
            return
        try:
            empty = self._emptied(list(due), region, notes) if due else []
            released = self._cloud.terminate([machine.id for machine in empty], region) if empty else ()
        except CredentialsRefused:
            raise
        except PlatformUnavailable as error:
            _LOG.warning("%s", error)
            notes.left(f"{len(due)} machines", f"they could not be released now: {error}")
            return
        for machine in empty:
            if machine.id in released:
                self._record(machine, notes)
            else:
                notes.left(machine.id, "its cloud did not release it")

    def _emptied(self, due: list[Machine], region: str, notes: Notes) -> list[Machine]:
        """The machines whose nodes are cordoned and still unused, so that nothing will use them any more."""
        now = utc_now()
        fleet, _ = self._poll(region, now, pods=False)
        judged = {machine.id: answer for machine, answer in fleet.judge().items()}
        cordoned: dict[Machine, ClusterNode | None] = {}
        for machine in due:
            use, why = judged.get(machine.id, (MachineUse.USED, "it is gone"))
            node = (fleet.nodes or {}).get(machine.id)
            if use is not MachineUse.UNUSED:
                notes.left(machine.id, f"at the second check: {why}")
            elif node and self._cluster and not self._cluster.cordon(node, {REMOVING: now.isoformat()}):
                notes.left(machine.id, "at the second check: its node was recreated")
            else:
                cordoned[machine] = node
        return self._still_empty(cordoned, notes)

    def _still_empty(self, cordoned: dict[Machine, ClusterNode | None], notes: Notes) -> list[Machine]:
        names = [node.name for node in cordoned.values() if node is not None]
        if not names or self._cluster is None:
            return list(cordoned)
        # Listed after all were cordoned: no new pod can appear.
        work = work_by_node(self._cluster.pods(names), utc_now())
        for machine, node in cordoned.items():
            if node is not None and node.name in work:
                self._uncordon(self._cluster, node)
                notes.left(machine.id, f"at the second check: {work[node.name][0]} uses it")
        return [machine for machine, node in cordoned.items() if node is None or node.name not in work]

    @staticmethod
    def _uncordon(cluster: ClusterNodes, node: ClusterNode) -> None:
        marks = {REMOVING: None, STARTED: None, WAS_CORDONED: None}
        if WAS_CORDONED in node.annotations:
            cluster.cordon(node, marks)
        else:
            cluster.uncordon(node, marks)

    def _record(self, machine: Machine, notes: Notes) -> None:
        from dcluster_provider.registry.events import Event

        why = f"nothing has used it for {self._settings.nodes.unused_after.total_seconds():.0f} s"
        notes.did("released", machine.id, why)
        detail = f"{machine.id} ({machine.instance_type}): {why}"
        self._registry.events.record(Event(at=utc_now(), actor=ACTOR, action="REMOVED", detail=detail))
