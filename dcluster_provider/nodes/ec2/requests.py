"""The requests for an order's instances: where to ask, in order, and the arguments of RunInstances."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.instances import launch_tags
from dcluster_provider.nodes.ec2.settings import Ec2Settings

MAX_TYPES = 60
_MARKETS = {
    "on-demand": ("on-demand",),
    "spot": ("spot",),
    "spot, then on-demand": ("spot", "on-demand"),
}
_KEPT_SECONDS = 180.0
# The characters that Kubernetes allows in labels and taints; none of them means anything to a shell.
_PLAIN = re.compile(r"[A-Za-z0-9./_-]*")


@dataclass(frozen=True)
class CapacityPool:
    """A combination of instance type, market and subnet that may have capacity.

    :param market: ``spot`` or ``on-demand``.
    :param subnet: empty means the launch template's, or the default one.
    """

    market: str
    instance_type: str
    subnet: str

    def __str__(self) -> str:
        return f"{self.instance_type} {self.market}" + (f" in {self.subnet}" if self.subnet else "")


@dataclass(frozen=True)
class InstanceRequest:
    """One RunInstances request: however often it is sent, EC2 answers with the same instances.

    :param count: the number of instances.
    :param generation: incremented when the instances of an earlier request have ended.
    """

    mark: str
    candidate: CapacityPool
    count: int
    generation: int = 0

    @property
    def token(self) -> str:
        """The ClientToken, 64 characters: the same for every attempt of the same request."""
        return hashlib.sha256(f"{self.mark}\n{self.name}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The request's name within its order, as the tag of its instances; see :meth:`named`."""
        it = self.candidate
        return f"{self.generation}/{self.count}/{it.market}/{it.instance_type}/{it.subnet}"

    @classmethod
    def named(cls, mark: str, name: str) -> InstanceRequest | None:
        """The request whose instances carry a tag; None when the tag has another format."""
        parts = name.split("/")
        if len(parts) != 5 or not (parts[0].isdigit() and parts[1].isdigit()):
            return None
        return cls(mark, CapacityPool(*parts[2:]), int(parts[1]), int(parts[0]))


def candidates(order: NodeOrder, settings: Ec2Settings) -> list[CapacityPool]:
    """Every candidate of an order, the first choice first, with at most 60 types."""
    types = tuple(dict.fromkeys((*order.instance_types, *settings.alternatives)))[:MAX_TYPES]
    return [
        CapacityPool(market, instance_type, subnet)
        for market in _MARKETS[settings.market]
        for instance_type in types
        for subnet in settings.subnets or ("",)
    ]


@dataclass
class Attempts:
    """The failed candidates of one order, each with EC2's message.

    :param at: seconds of the monotonic clock at the first attempt.
    """

    failed: dict[CapacityPool, str] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


class AttemptsByOrder:
    """The failed candidates of current orders, so that a repeated launch does not start over with the first one."""

    def __init__(self) -> None:
        self._orders: dict[str, Attempts] = {}
        self._lock = Lock()

    def of(self, mark: str) -> Attempts:
        """The failed candidates of an order in the last three minutes."""
        with self._lock:
            now = time.monotonic()
            self._orders = {
                mark: attempts for mark, attempts in self._orders.items() if now - attempts.at < _KEPT_SECONDS
            }
            return self._orders.setdefault(mark, Attempts())

    def forget(self, mark: str) -> None:
        """Start over with all candidates: the order was filled, or failed."""
        with self._lock:
            self._orders.pop(mark, None)


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
