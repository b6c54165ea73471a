"""The connection form's fields of EC2; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


EC2_FIELDS: dict[str, dict[str, Any]] = {
    "aws_conn_id": _text(
        "AWS connection",
        "Id of the connection of type aws that credentials come from; empty means aws_default.",
    ),
    "ec2_region": _text("EC2 region", "Of requests that name none; empty means that of the AWS connection."),
    "ec2_launch_template": _text(
        "EC2 launch template", "Id or name; empty means that the image and the rest are named here."
    ),
    "ec2_launch_template_version": _text(
        "EC2 launch template version", "A number, $Default or $Latest; empty means $Default."
    ),
    "ec2_image": _text("EC2 image", "AMI of the nodes; empty means the launch template's."),
    "ec2_subnets": _text(
        "EC2 subnets", "Ids, separated by commas, tried in order; empty means the launch template's."
    ),
    "ec2_security_groups": _text(
        "EC2 security groups", "Ids, separated by commas; empty means the launch template's."
    ),
    "ec2_instance_profile": _text(
        "EC2 instance profile", "Name or ARN of the nodes' role; empty means the launch template's."
    ),
    "ec2_user_data": _text(
        "EC2 user data",
        "A script that makes a node of an instance, with {labels} and {taints} in it where the kubelet's arguments "
        "go; empty means the launch template's.",
    ),
    "ec2_market": _text(
        "EC2 market",
        "on-demand, spot, or spot, then on-demand (every instance type and subnet is tried as spot first).",
        enum=["on-demand", "spot", "spot, then on-demand", None],
    ),
    "ec2_alternatives": _text(
        "EC2 alternatives",
        "Instance types, separated by commas, that take the place of one that has no capacity, in order.",
    ),
    "ec2_tags": _text("EC2 tags", "Further tags of instances and volumes, a JSON object."),
}
