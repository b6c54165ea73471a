"""Reading the fields of machines from a ``dcluster`` connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.core.machines import Capacity
from dcluster_provider.core.sizing import cpu_cores, memory_bytes

if TYPE_CHECKING:
    from dcluster_provider.nodes.ec2.settings import Ec2Settings
    from dcluster_provider.nodes.gke.settings import GkeSettings

CLOUDS = ("on-premises", "ec2", "gke")
_NUMBERS = ("max_nodes", "max_removed")
_TIMES = ("launch_timeout", "registration_timeout", "drain_timeout", "unused_after", "min_age")


def node_settings(conn_id: str, given: dict[str, Any], deployment: str) -> NodeSettings:
    """The settings that a connection's fields mean.

    :param given: the fields that have a value.
    :raises InvalidSpec: a value that cannot be accepted; the connection and field are named.
    """
    cloud = str(given.get("cloud", "on-premises"))
    if cloud not in CLOUDS:
        raise InvalidSpec(
            f"connection {conn_id!r}: field cloud: there is no cloud {cloud[:40]!r}"
            f"{nearest(cloud, set(CLOUDS)) or '; write one of ' + ', '.join(CLOUDS)}"
        )
    read: dict[str, Any] = {name: _number(conn_id, name, given[name]) for name in _NUMBERS if name in given}
    read |= {name: timedelta(seconds=_number(conn_id, name, given[name])) for name in _TIMES if name in given}
    types = str(given.get("cluster_instance_types", ""))
    read["cluster_instance_types"] = tuple(part.strip() for part in types.split(",") if part.strip())
    read["daemons"] = Capacity(
        float(_quantity(conn_id, given, "daemons_cpu", cpu_cores, "250m")),
        int(_quantity(conn_id, given, "daemons_memory", memory_bytes, "512Mi")),
    )
    if cloud == "ec2":
        read["ec2"] = _ec2(conn_id, given, deployment)
    if cloud == "gke":
        read["gke"] = _gke(conn_id, given, deployment)
    return NodeSettings(cloud=cloud, **read)  # type: ignore[arg-type]  # one of CLOUDS


def _ec2(conn_id: str, given: dict[str, Any], deployment: str) -> Ec2Settings:
    from dcluster_provider.hooks.ec2_settings import ec2_settings

    return ec2_settings(conn_id, given, deployment)


def _gke(conn_id: str, given: dict[str, Any], deployment: str) -> GkeSettings:
    from dcluster_provider.hooks.gke_settings import gke_settings

    return gke_settings(conn_id, given, deployment)


def _quantity(
    conn_id: str, given: dict[str, Any], name: str, read: Callable[[str], Decimal | int], default: str
) -> Decimal | int:
    try:
        return read(str(given.get(name, default)))
    except InvalidSpec as error:
        raise InvalidSpec(f"connection {conn_id!r}: field {name}: {error}") from None


def _number(conn_id: str, name: str, value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 2**31:
        raise InvalidSpec(
            f"connection {conn_id!r}: field {name}: {text[:80]!r} is not a whole number above 0 and below {2**31}"
        )
    return int(text)
