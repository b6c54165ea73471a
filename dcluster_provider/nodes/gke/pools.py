"""Node pools as requests to the GKE API, and the candidates of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.cloud import container_v1

# What a new pool copies from the template; the rest is the order's own, or filled in by GKE.
_CONFIG = (
    "disk_size_gb",
    "disk_type",
    "boot_disk",
    "boot_disk_kms_key",
    "oauth_scopes",
    "service_account",
    "metadata",
    "image_type",
    "labels",
    "tags",
    "taints",
    "resource_labels",
    "resource_manager_tags",
    "min_cpu_platform",
    "local_ssd_count",
    "ephemeral_storage_local_ssd_config",
    "local_nvme_ssd_block_config",
    "accelerators",
    "workload_metadata_config",
    "shielded_instance_config",
    "confidential_nodes",
    "advanced_machine_features",
    "reservation_affinity",
    "linux_node_config",
    "kubelet_config",
    "containerd_config",
    "logging_config",
    "gcfs_config",
    "gvnic",
    "fast_socket",
)
_POOL = ("network_config", "max_pods_constraint", "management", "node_drain_config")
_RESERVED = ("kubernetes.io", "k8s.io")
_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}


@dataclass(frozen=True)
class MachineOption:
    """A candidate of an order: a machine type and a market.

    :param spot: whether it is a spot machine, which costs less and may be interrupted.
    """

    instance_type: str
    spot: bool = False

    def __str__(self) -> str:
        return f"{self.instance_type} (spot)" if self.spot else self.instance_type


def candidates(order: NodeOrder, settings: GkeSettings) -> list[MachineOption]:
    """The candidates of an order, in the order in which they are tried."""
    types = dict.fromkeys((*order.instance_types, *settings.alternatives))
    spot = [MachineOption(it, spot=True) for it in types]
    on_demand = [MachineOption(it) for it in types]
    return {"spot": spot, "on-demand": on_demand}.get(settings.market, spot + on_demand)


def node_pool(
    order: NodeOrder,
    settings: GkeSettings,
    index: int,
    zones: Sequence[str],
    template: container_v1.NodePool | None,
) -> container_v1.NodePool:
    """An empty pool for an order; its groups grow once it exists.

    :param index: of its candidate among the order's candidates.
    :param template: the pool whose configuration it copies.
    """
    from google.cloud import container_v1

    candidate = candidates(order, settings)[index]
    pool = container_v1.NodePool(
        name=naming.pool_name(order.mark, index),
        initial_node_count=0,
        locations=list(zones),
        config=container_v1.NodeConfig(),
    )
    if template is not None:
        for name in _POOL:
            _take(name, template, pool)
        for name in _CONFIG:
            _take(name, template.config, pool.config)
    config = pool.config
    config.machine_type, config.spot = candidate.instance_type, candidate.spot
    config.labels.update({name: value for name, value in order.labels.items() if not _is_reserved(name)})
    for taint in order.taints:
        config.taints.append(
            container_v1.NodeTaint(
                key=taint["key"], value=taint.get("value", ""), effect=_EFFECTS[taint["effect"]]
            )
        )
    for name in [it for it in config.resource_labels if it.startswith("goog-")]:
        del config.resource_labels[name]
    config.resource_labels.update(dict(settings.labels))
    labels = naming.pool_labels(settings.deployment, order, index, settings.connection)
    config.resource_labels.update(labels)
    return pool


def _take(name: str, source: object, target: object) -> None:
    if name in source:  # type: ignore[operator]  # a message of proto-plus knows whether a field is set
        setattr(target, name, getattr(source, name))


def _is_reserved(label: str) -> bool:
    # GKE rejects these; the nodes get them when they have joined.
    domain = label.partition("/")[0] if "/" in label else ""
    return any(domain == it or domain.endswith(f".{it}") for it in _RESERVED)
