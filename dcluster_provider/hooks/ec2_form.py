"""The connection form's fields of EC2; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.form_field import text

EC2_FIELDS: dict[str, dict[str, Any]] = {
    "aws_conn_id": text(
        "AWS connection",
        "Id of the connection of type aws that credentials come from; empty means aws_default.",
    ),
    "ec2_region": text("EC2 region", "Of requests that name none; empty means that of the AWS connection."),
    "ec2_launch_template": text(
        "EC2 launch template", "Id or name; empty means that the image and the rest are named here."
    ),
    "ec2_launch_template_version": text(
        "EC2 launch template version", "A number, $Default or $Latest; empty means $Default."
    ),
    "ec2_image": text("EC2 image", "AMI of the nodes; empty means the launch template's."),
    "ec2_subnets": text(
        "EC2 subnets", "Ids, separated by commas, tried in order; empty means the launch template's."
    ),
    "ec2_security_groups": text(
        "EC2 security groups", "Ids, separated by commas; empty means the launch template's."
    ),
    "ec2_instance_profile": text(
        "EC2 instance profile", "Name or ARN of the nodes' role; empty means the launch template's."
    ),
    "ec2_user_data": text(
        "EC2 user data",
        "A script that makes a node of an instance, with {labels} and {taints} in it where the kubelet's arguments "
        "go; empty means the launch template's.",
    ),
    "ec2_market": text(
        "EC2 market",
        "on-demand, spot, or spot, then on-demand (every instance type and subnet is tried as spot first).",
        enum=["on-demand", "spot", "spot, then on-demand", None],
    ),
    "ec2_alternatives": text(
        "EC2 alternatives",
        "Instance types, separated by commas, that take the place of one that has no capacity, in order.",
    ),
    "ec2_tags": text("EC2 tags", "Further tags of instances and volumes, a JSON object."),
}
