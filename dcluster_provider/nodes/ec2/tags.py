"""The tags that tell this deployment's instances from all others, and which request launched each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.settings import Ec2Settings

DEPLOYMENT = LABEL_PREFIX + "deployment"
REQUEST = LABEL_PREFIX + "request"
LAUNCH = LABEL_PREFIX + "launch"
CLUSTER = LABEL_PREFIX + "cluster"
CONNECTION = LABEL_PREFIX + "connection"
REGISTRY = LABEL_PREFIX + "registry"
MANAGED_BY = "app.kubernetes.io/managed-by"
_WILDCARDS = str.maketrans({"*": "?", "\\": "?"})


def launch_tags(order: NodeOrder, settings: Ec2Settings, launch: str) -> list[dict[str, str]]:
    """The tags of the instances and volumes of one request to EC2, as its API writes them.

    The user's own never take the place of ours.

    :param launch: tells this request from the others for the same order.
    """
    tags = {"Name": order.cluster or f"{settings.deployment} node", **dict(settings.tags)}
    tags |= {MANAGED_BY: "dcluster-provider", DEPLOYMENT: settings.deployment}
    tags |= {REQUEST: order.mark, LAUNCH: launch}
    if order.cluster:
        tags[CLUSTER] = order.cluster
    if order.registry_id:
        tags[REGISTRY] = order.registry_id
    if settings.connection:
        tags[CONNECTION] = settings.connection
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(description: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an instance as EC2 describes it."""
    return {tag["Key"]: tag.get("Value", "") for tag in description.get("Tags", ())}


def is_ours(description: Mapping[str, Any], deployment: str) -> bool:
    """Whether an instance carries the tag of this very deployment."""
    return tags_of(description).get(DEPLOYMENT) == deployment


def tag_filters(deployment: str, mark: str = "") -> list[dict[str, Any]]:
    """Filters that let no instance of ours out; they may let in others, since EC2 reads wildcards in them."""
    wanted = {DEPLOYMENT: deployment} | ({REQUEST: mark} if mark else {})
    return [{"Name": f"tag:{key}", "Values": [value.translate(_WILDCARDS)]} for key, value in wanted.items()]
