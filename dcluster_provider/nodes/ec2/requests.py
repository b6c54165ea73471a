"""Makes the arguments of RunInstances."""

from __future__ import annotations

import re
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.capacity_pools import InstanceRequest
from dcluster_provider.nodes.ec2.settings import Ec2Settings
from dcluster_provider.nodes.ec2.tags import launch_tags

# The characters that Kubernetes allows in labels and taints; none of them means anything to a shell.
_PLAIN = re.compile(r"[A-Za-z0-9./_-]*")


def run_instances(order: NodeOrder, asking: InstanceRequest, settings: Ec2Settings) -> dict[str, Any]:
    """The arguments of RunInstances, the same for the same request while the settings stay."""
    candidate = asking.candidate
    tags = launch_tags(order, settings, asking.name)
    request: dict[str, Any] = {
        "ClientToken": asking.token,
        "MinCount": 1,
        "MaxCount": asking.count,
        "InstanceType": candidate.instance_type,
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        # A node that shuts itself down would still be billed, and belong to nobody.
        "InstanceInitiatedShutdownBehavior": "terminate",
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
    }
    if settings.launch_template:
        request["LaunchTemplate"] = _template(settings)
    if settings.image:
        request["ImageId"] = settings.image
    if candidate.subnet:
        request["SubnetId"] = candidate.subnet
    if settings.security_groups:
        request["SecurityGroupIds"] = list(settings.security_groups)
    if settings.instance_profile:
        kind = "Arn" if settings.instance_profile.startswith("arn:") else "Name"
        request["IamInstanceProfile"] = {kind: settings.instance_profile}
    if settings.user_data:
        request["UserData"] = user_data(order, settings.user_data)
    if candidate.market == "spot":
        request["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
        }
    return request


def user_data(order: NodeOrder, template: str) -> str:
    """The script of a node, with the order's labels and taints as arguments of the kubelet.

    :raises InvalidSpec: a label or taint has a character that Kubernetes rejects, or that a shell would interpret.
    """
    labels = ",".join(f"{key}={value}" for key, value in order.labels.items())
    taints = ",".join(f"{taint['key']}={taint.get('value', '')}:{taint['effect']}" for taint in order.taints)
    for part in re.split(r"[,=:]", f"{labels},{taints}"):
        if not _PLAIN.fullmatch(part):
            raise InvalidSpec(f"{part[:80]!r} cannot be part of a label or taint of a node")
    return template.replace("{labels}", labels).replace("{taints}", taints)


def _template(settings: Ec2Settings) -> dict[str, str]:
    kind = "Id" if re.fullmatch(r"lt-[0-9a-f]+", settings.launch_template) else "Name"
    return {
        f"LaunchTemplate{kind}": settings.launch_template,
        "Version": settings.launch_template_version,
    }
