"""Names and labels by which a machine is known as ours, and as that of one order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from dcluster_provider.core.identity import dns_label
from dcluster_provider.core.machines import NodeOrder

DEPLOYMENT, MARK, CLUSTER = "dcluster-deployment", "dcluster-mark", "dcluster-cluster"
CONNECTION, REGISTRY = "dcluster-connection", "dcluster-registry"
CANDIDATE, COUNT = "dcluster-candidate", "dcluster-count"

_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_MACHINE = re.compile(r"gk[e3]-[a-z0-9-]{0,58}[a-z0-9]")
_SLOT = re.compile(r"-(d[0-9a-z]{3})$")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_SLOTS = 1000  # machines that a group of GKE's holds in a zone


def label(text: str) -> str:
    """Text as the value of a label of Google's; two texts never have the same."""
    if _LABEL.fullmatch(text) or not text:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{dns_label(text, 50)}-{digest}"


def pool_labels(deployment: str, order: NodeOrder, candidate: int, connection: str = "") -> dict[str, str]:
    """What every machine of a pool carries.

    :param candidate: the place, from 0, of the pool's kind of machine among those of the order.
    """
    registry = {REGISTRY: order.registry_id} if order.registry_id else {}
    return registry | {
        DEPLOYMENT: label(deployment),
        MARK: order.mark,
        CLUSTER: label(order.cluster),
        CONNECTION: label(connection),
        CANDIDATE: str(candidate),
        COUNT: str(order.count),
    }


def is_ours(labels: Mapping[str, str], deployment: str) -> bool:
    """Whether a pool with these labels is of this deployment."""
    return labels.get(DEPLOYMENT) == label(deployment) and MARK in labels


def pool_name(mark: str, candidate: int) -> str:
    """The name of an order's pool; GKE takes it once, at most 40 characters."""
    short = mark if len(mark) <= 32 else hashlib.sha256(mark.encode()).hexdigest()[:32]
    return f"dc-{short}-{candidate:03d}"


def slots(count: int) -> list[str]:
    """The ends of the names of an order's machines: the first always has the first, so none is made twice."""
    return [
        "d" + _DIGITS[number // 1296] + _DIGITS[number // 36 % 36] + _DIGITS[number % 36]
        for number in range(count)
    ]


def slot_of(machine: str) -> str:
    """The end of a machine's name; empty for one that GKE named itself, in an upgrade for instance."""
    found = _SLOT.search(machine)
    return found.group(1) if found else ""


def placeholder(pool: str, slot: str) -> str:
    """The id of a machine that is asked for and has no name yet."""
    return f"gke-{pool}-{slot}"


def is_machine_id(text: str) -> bool:
    """Whether it can be the name of an instance that is a node of GKE."""
    return bool(_MACHINE.fullmatch(text))
