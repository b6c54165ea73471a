"""The settings of a connection for EC2."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from dcluster_provider.core.connection_fields import Names, Pairs, Text, each_matching, matching
from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.nodes.base import Alternatives, CloudSettings, Market

_MAX_TAGS = 40  # of the 50 that AWS allows, ours are a few
_MAX_USER_DATA = 16 * 1024 - 2048  # bytes; the rest is for labels and taints
_HEX = "[0-9a-f]{8}([0-9a-f]{9})?"


def _user_data(script: str) -> str:
    if len(script.encode()) > _MAX_USER_DATA:
        raise ValueError(
            f"is longer than {_MAX_USER_DATA} bytes, and EC2 takes no more than 16 KiB with labels and taints; let the "
            "script fetch the rest"
        )
    return script


def _tags(tags: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if len(tags) > _MAX_TAGS:
        raise ValueError(f"has {len(tags)} tags; AWS allows 50 tags, {_MAX_TAGS} of them here")
    for key, item in tags:
        if not 0 < len(key) <= 128 or len(item) > 256:
            raise ValueError(f"tag {key[:40]!r}: a key has 1 to 128 characters, a value at most 256")
        if key.startswith((LABEL_PREFIX, "aws:", "app.kubernetes.io/managed-by")):
            raise ValueError(f"tag {key[:40]!r} is not yours to set: it marks whose an instance is")
    return tags


class Ec2Settings(CloudSettings):
    """Where and how instances are launched; whether what is named here exists is found out when it is used.

    :param connection: the id of the ``dcluster`` connection; machines carry it, since only that one knows the
        Kubernetes whose nodes they are.
    """

    connection: str = ""
    conn_id: Text = Field(
        "aws_default",
        alias="aws_conn_id",
        title="AWS connection",
        description="Id of the connection of type aws that credentials come from.",
    )
    region: Text = Field(
        "",
        alias="ec2_region",
        title="EC2 region",
        description="Region of requests that name none; empty means that of the AWS connection.",
    )
    launch_template: Annotated[
        Text,
        matching(
            "[A-Za-z0-9()./_-]{3,128}", "the id or name of a launch template, such as lt-0123456789abcdef0"
        ),
    ] = Field(
        "",
        alias="ec2_launch_template",
        title="EC2 launch template",
        description="Id or name of a launch template; needed unless ec2_image is given.",
    )
    launch_template_version: Annotated[
        Text, matching(r"[0-9]+|\$Default|\$Latest", "a number, $Default or $Latest")
    ] = Field(
        "$Default",
        alias="ec2_launch_template_version",
        title="EC2 launch template version",
        description="A number, $Default or $Latest.",
    )
    image: Annotated[Text, matching(f"ami-{_HEX}", "the id of an image, such as ami-0123456789abcdef0")] = (
        Field(
            "",
            alias="ec2_image",
            title="EC2 image",
            description="AMI of the nodes; empty means the launch template's.",
        )
    )
    subnets: Annotated[
        Names, each_matching(f"subnet-{_HEX}", "the id of a subnet, such as subnet-0123456789abcdef0")
    ] = Field(
        (),
        alias="ec2_subnets",
        title="EC2 subnets",
        description="Ids of subnets, separated by commas, tried in order; empty means the launch template's.",
    )
    security_groups: Annotated[
        Names, each_matching(f"sg-{_HEX}", "the id of a security group, such as sg-0123456789abcdef0")
    ] = Field(
        (),
        alias="ec2_security_groups",
        title="EC2 security groups",
        description="Ids of security groups, separated by commas; empty means the launch template's.",
    )
    instance_profile: Text = Field(
        "",
        alias="ec2_instance_profile",
        title="EC2 instance profile",
        description="Name or ARN of the nodes' role; empty means the launch template's.",
    )
    user_data: Annotated[Text, AfterValidator(_user_data)] = Field(
        "",
        alias="ec2_user_data",
        title="EC2 user data",
        description="A script that makes a node of an instance, with {labels} and {taints} in it where the kubelet's "
        "arguments go; empty means the launch template's.",
    )
    market: Market = Field(
        "on-demand",
        alias="ec2_market",
        title="EC2 market",
        description="on-demand, spot, or spot, then on-demand, which tries every instance type and subnet as spot "
        "first.",
    )
    alternatives: Annotated[
        Alternatives, each_matching(r"[a-z0-9-]+\.[a-z0-9-]+", "an instance type, such as m5.large")
    ] = Field(
        (),
        alias="ec2_alternatives",
        title="EC2 alternatives",
        description="Instance types, separated by commas, that replace one that has no capacity, in order.",
    )
    tags: Annotated[Pairs, AfterValidator(_tags)] = Field(
        (),
        alias="ec2_tags",
        title="EC2 tags",
        description="Further tags of instances and volumes, a JSON object.",
    )
