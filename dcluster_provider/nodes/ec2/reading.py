"""Makes machines, and JSON, of EC2's descriptions of instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.nodes.ec2 import tags

_STATES = {
    "pending": MachineState.STARTING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPED,
    "stopped": MachineState.STOPPED,
    "shutting-down": MachineState.ENDING,
    "terminated": MachineState.GONE,
}


@dataclass(frozen=True)
class LaunchedInstance:
    """A machine, and the request to EC2 that launched it.

    :param launch: the tag that identifies that request within the order.
    """

    machine: Machine
    launch: str


def read_instance(description: Mapping[str, Any], region: str) -> LaunchedInstance:
    """An instance as EC2 describes it, in a listing or in the answer to its launch."""
    tagged = tags.tags_of(description)
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
            mark=tagged.get(tags.REQUEST, ""),
            cluster=tagged.get(tags.CLUSTER, ""),
            reason=_reason(description),
            connection=tagged.get(tags.CONNECTION, ""),
            registry_id=tagged.get(tags.REGISTRY, ""),
        ),
        tagged.get(tags.LAUNCH, ""),
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
