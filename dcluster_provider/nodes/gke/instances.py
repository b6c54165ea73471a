"""The descriptions of a project's instances, as they are recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from dcluster_provider.nodes.gke.api import GkeApi

# kube-env and the like contain the credentials with which a machine joins its cluster.
_SECRET = ("metadata", "instanceEncryptionKey", "sourceMachineImageEncryptionKey")


def described(api: GkeApi, zones: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and description of every instance in these zones, page by page, without secrets.

    An instance whose name exists in another zone, too, gets its zone appended to the name.
    """
    names: set[str] = set()
    for zone, instance in api.every_instance():
        if zone not in zones:
            continue
        description = {field: value for field, value in instance.items() if field not in _SECRET}
        for disk in description.get("disks", ()):
            disk.pop("diskEncryptionKey", None)
        name = instance["name"]
        yield f"{name}.{zone}" if name in names else name, description
        names.add(name)
