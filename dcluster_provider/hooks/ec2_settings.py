"""Reading the fields of EC2 from a ``dcluster`` connection."""

from __future__ import annotations

import re
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.hooks.cloud_field import CloudField
from dcluster_provider.hooks.ec2_form import EC2_FIELDS
from dcluster_provider.nodes.ec2.settings import Ec2Settings

_MAX_TAGS = 40  # of the 50 that AWS allows, ours are a few
_MAX_USER_DATA = 16 * 1024 - 2048  # bytes; the rest is for labels and taints
_HEX = "[0-9a-f]{8}([0-9a-f]{9})?"
_FORMS = {
    "ec2_image": (re.compile(f"ami-{_HEX}"), "the id of an image, such as ami-0123456789abcdef0"),
    "ec2_subnets": (re.compile(f"subnet-{_HEX}"), "the id of a subnet, such as subnet-0123456789abcdef0"),
    "ec2_security_groups": (
        re.compile(f"sg-{_HEX}"),
        "the id of a security group, such as sg-0123456789abcdef0",
    ),
    "ec2_launch_template_version": (
        re.compile(r"[0-9]+|\$Default|\$Latest"),
        "a number, $Default or $Latest",
    ),
    "ec2_launch_template": (
        re.compile(r"[A-Za-z0-9()./_-]{3,128}"),
        "the id or name of a launch template, such as lt-0123456789abcdef0",
    ),
    "ec2_alternatives": (re.compile(r"[a-z0-9-]+\.[a-z0-9-]+"), "an instance type, such as m5.large"),
}
_LISTS = ("ec2_subnets", "ec2_security_groups", "ec2_alternatives")


def ec2_settings(conn_id: str, given: dict[str, Any], deployment: str) -> Ec2Settings:
    """The settings that a connection's fields mean; whether what they name exists is found out when it is used.

    :param given: the fields that have a value.
    :raises InvalidSpec: a value that cannot be accepted; the connection and field are named.
    """
    read: dict[str, Any] = {}
    for name in EC2_FIELDS:
        if name in given:
            target = "conn_id" if name == "aws_conn_id" else name.removeprefix("ec2_")
            read[target] = _read(conn_id, CloudField(conn_id, name, given[name], _FORMS))
    return Ec2Settings(deployment=deployment, connection=conn_id, **read)


def _read(conn_id: str, field: CloudField) -> Any:
    if field.name in _LISTS:
        return field.texts()
    if field.name == "ec2_tags":
        return _tags(field)
    if field.name == "ec2_user_data" and len(str(field.value).encode()) > _MAX_USER_DATA:
        raise InvalidSpec(
            f"connection {conn_id!r}: field ec2_user_data: is longer than {_MAX_USER_DATA} bytes, and EC2 takes no "
            "more than 16 KiB with labels and taints; let the script fetch the rest"
        )
    return field.text()


def _tags(field: CloudField) -> tuple[tuple[str, str], ...]:
    pairs = field.pairs()
    if len(pairs) > _MAX_TAGS:
        raise field.refusal(f"AWS allows 50 tags, {_MAX_TAGS} of them here")
    for key, item in pairs.items():
        if not 0 < len(key) <= 128 or len(item) > 256:
            raise field.refusal(f"tag {key[:40]!r}: a key has 1 to 128 characters, a value at most 256")
        if key.startswith((LABEL_PREFIX, "aws:", "app.kubernetes.io/managed-by")):
            raise field.refusal(f"tag {key[:40]!r} is not yours to set: it tells whose an instance is")
    return tuple(sorted(pairs.items()))
