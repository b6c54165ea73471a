"""What a queue wants of a cluster's pods, in the ``kubernetes`` block of its specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcluster_provider.core.record import Cluster

Json = dict[str, Any]


def with_fields(cluster: Cluster, every: Mapping[str, Any], roles: Mapping[str, Json]) -> Cluster:
    """A cluster with more fields of its pods.

    :param every: of all pods.
    :param roles: of those of single roles.
    """
    block = joined(cluster.spec.kubernetes, every)
    said = dict(block.get("roles") or {})
    for role, fields in roles.items():
        said[role] = joined(said.get(role, {}), fields)
    return replace(cluster, spec=cluster.spec.model_copy(update={"kubernetes": block | {"roles": said}}))


def joined(block: Json, added: Mapping[str, Any]) -> Json:
    """A ``kubernetes`` block with more maps and lists; what it says itself counts."""
    result = dict(block)
    for field, value in added.items():
        if isinstance(value, Mapping) and value:
            result[field] = {**value, **(block.get(field) or {})}
        elif value:
            result[field] = [*(block.get(field) or []), *value]
    return result
