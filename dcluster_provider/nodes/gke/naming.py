"""Names and labels that identify a deployment's machines, and the order of each."""

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
MAX_SLOTS = 1000  # the most machines of a GKE group in a zone


def label(text: str) -> str:
    """Text as the value of a label of Google; different texts have different values."""
    if _LABEL.fullmatch(text) or not text:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{dns_label(text, 50)}-{digest}"


def pool_labels(deployment: str, order: NodeOrder, candidate: int, connection: str = "") -> dict[str, str]:
    """The labels of every machine of a pool.

    :param candidate: the index, from 0, of the pool's machine type among the candidates of the order.
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
    """Whether a pool with these labels belongs to this deployment."""
    return labels.get(DEPLOYMENT) == label(deployment) and MARK in labels


def pool_name(mark: str, candidate: int) -> str:
    """The name of an order's pool, at most 40 characters; GKE accepts it once."""
    short = mark if len(mark) <= 32 else hashlib.sha256(mark.encode()).hexdigest()[:32]
    return f"dc-{short}-{candidate:03d}"


def slots(count: int) -> list[str]:
    """The suffixes of the names of an order's machines: the first machine always has the first one."""
    return [
        "d" + _DIGITS[number // 1296] + _DIGITS[number // 36 % 36] + _DIGITS[number % 36]
        for number in range(count)
    ]


def slot_of(machine: str) -> str:
    """The suffix of a machine's name; empty for one that GKE named itself, in an upgrade for instance."""
    found = _SLOT.search(machine)
    return found.group(1) if found else ""


def placeholder(pool: str, slot: str) -> str:
    """The id of an ordered machine that has no name yet."""
    return f"gke-{pool}-{slot}"


def is_machine_id(text: str) -> bool:
    """Whether a text can be the name of an instance that is a node of GKE."""
    return bool(_MACHINE.fullmatch(text))
