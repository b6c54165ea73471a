"""Instances of EC2: the tags that identify them, what EC2 describes of them, and lists of them from all pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.machines import Machine, MachineState, NodeOrder
from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.settings import Ec2Settings

# The names of tags.
DEPLOYMENT = LABEL_PREFIX + "deployment"
REQUEST = LABEL_PREFIX + "request"
LAUNCH = LABEL_PREFIX + "launch"
CLUSTER = LABEL_PREFIX + "cluster"
CONNECTION = LABEL_PREFIX + "connection"
REGISTRY = LABEL_PREFIX + "registry"
MANAGED_BY = "app.kubernetes.io/managed-by"
_WILDCARDS = str.maketrans({"*": "?", "\\": "?"})
_STATES = {
    "pending": MachineState.STARTING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPED,
    "stopped": MachineState.STOPPED,
    "shutting-down": MachineState.ENDING,
    "terminated": MachineState.GONE,
}
_PAGE = 1000
_MAX_VALUES = 200  # of one filter


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


@dataclass(frozen=True)
class LaunchedInstance:
    """A machine, and the request to EC2 that launched it.

    :param launch: the tag that identifies that request within the order.
    """

    machine: Machine
    launch: str


def read_instance(description: Mapping[str, Any], region: str) -> LaunchedInstance:
    """An instance as EC2 describes it, in a listing or in the answer to its launch."""
    tagged = tags_of(description)
    instance_id = description["InstanceId"]
    zone = description.get("Placement", {}).get("AvailabilityZone", "")
    return LaunchedInstance(
        Machine(
            id=instance_id,
            provider_id=f"aws:///{zone}/{instance_id}",
            state=_STATES[description["State"]["Name"]],
            instance_type=description["InstanceType"],
            region=region,
            launched_at=description["LaunchTime"],
            mark=tagged.get(REQUEST, ""),
            cluster=tagged.get(CLUSTER, ""),
            reason=_reason(description),
            connection=tagged.get(CONNECTION, ""),
            registry_id=tagged.get(REGISTRY, ""),
        ),
        tagged.get(LAUNCH, ""),
    )


def as_json(value: Any) -> Any:
    """A description with its times as ISO 8601 text."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _reason(description: Mapping[str, Any]) -> str:
    reason = description.get("StateReason", {})
    return str(reason.get("Message") or reason.get("Code") or description.get("StateTransitionReason", ""))


def descriptions(clients: Ec2Clients, region: str, filters: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    """Every instance that passes the filters, as EC2 describes it.

    :raises CloudUnavailable: the listing is incomplete.
    """
    with clients.asking(region):
        pages = clients.client(region).get_paginator("describe_instances")
        for page in pages.paginate(Filters=list(filters), PaginationConfig={"PageSize": _PAGE}):
            for reservation in page["Reservations"]:
                yield from (dict(instance) for instance in reservation["Instances"])


def own_instances(
    clients: Ec2Clients, region: str, deployment: str, mark: str = ""
) -> list[LaunchedInstance]:
    """Every instance of a deployment in any state; those that ended stay listed for about an hour.

    :param mark: only instances of one order.
    """
    found = [
        read_instance(it, region)
        for it in descriptions(clients, region, tag_filters(deployment, mark))
        if is_ours(it, deployment)
    ]
    return [it for it in found if it.machine.mark == mark] if mark else found


def described(clients: Ec2Clients, region: str, instance_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """EC2's descriptions of these instances, whoever launched them; unknown ids are left out."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(instance_ids), _MAX_VALUES):
        values = list(instance_ids[start : start + _MAX_VALUES])
        for it in descriptions(clients, region, [{"Name": "instance-id", "Values": values}]):
            found[it["InstanceId"]] = it
    return found


@dataclass(frozen=True)
class Backoff:
    """Polls with growing intervals.

    :param seconds: in which the last poll is.
    :param first: seconds between the first two polls.
    :param min_polls: the least number of polls, however long EC2's answers take.
    """

    seconds: float = 20.0
    first: float = 0.2
    min_polls: int = 6

    def polls(self) -> Iterator[int]:
        """Yield at once, and again after each interval until the time is over; the caller stops when it is done."""
        until = time.monotonic() + self.seconds
        pause, number = self.first, 0
        while True:
            yield number
            number += 1
            left = until - time.monotonic()
            if left > 0:
                time.sleep(min(pause, left))
            elif number >= self.min_polls:
                return
            pause = min(pause * 2, 2.0)
