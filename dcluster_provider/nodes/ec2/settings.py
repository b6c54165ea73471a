"""What a connection says to EC2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ec2Settings:
    """Where and how instances are launched.

    :param conn_id: the Airflow connection of type ``aws`` that credentials come from.
    :param deployment: tells this Airflow's instances from another's.
    :param region: of requests that name none.
    :param launch_template: id or name of one; empty means that image and the rest are named here.
    :param launch_template_version: a number, ``$Default`` or ``$Latest``.
    :param image: AMI of the nodes; empty means the launch template's.
    :param subnets: tried in order; empty means the launch template's.
    :param security_groups: ids; empty means the launch template's.
    :param instance_profile: name or ARN of the nodes' role; empty means the launch template's.
    :param user_data: a script that makes a node of an instance, with ``{labels}`` and ``{taints}`` in it where the
        kubelet's arguments go; empty means the launch template's.
    :param market: how instances are paid for; ``spot, then on-demand`` tries every candidate as spot first.
    :param alternatives: instance types that may take the place of one that has no capacity, in order.
    :param tags: further ones, pairs of key and value.
    :param connection: the id of the ``dcluster`` connection; instances carry it, since only that one knows the
        Kubernetes that they are nodes of.
    """

    conn_id: str = "aws_default"
    deployment: str = "airflow"
    region: str = ""
    launch_template: str = ""
    launch_template_version: str = "$Default"
    image: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_profile: str = ""
    user_data: str = ""
    market: Literal["on-demand", "spot", "spot, then on-demand"] = "on-demand"
    alternatives: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    connection: str = ""
