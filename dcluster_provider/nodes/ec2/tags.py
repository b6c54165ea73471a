"""The tags that identify this deployment's instances, and the request that launched each."""

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
    """The tags of the instances and volumes of one request, in the format of EC2's API.

    Tags of the user never override the package's own.

    :param launch: identifies this request within the order.
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
    """The tags of an instance from EC2's description."""
    return {tag["Key"]: tag.get("Value", "") for tag in description.get("Tags", ())}


def is_ours(description: Mapping[str, Any], deployment: str) -> bool:
    """Whether an instance carries the tag of exactly this deployment."""
    return tags_of(description).get(DEPLOYMENT) == deployment


def tag_filters(deployment: str, mark: str = "") -> list[dict[str, Any]]:
    """Filters that match all of the deployment's instances, and perhaps others, since EC2 interprets wildcards."""
    tags = {DEPLOYMENT: deployment} | ({REQUEST: mark} if mark else {})
    return [{"Name": f"tag:{key}", "Values": [value.translate(_WILDCARDS)]} for key, value in tags.items()]
