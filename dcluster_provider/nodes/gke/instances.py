"""Every instance of a project, as it is remembered."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from dcluster_provider.nodes.gke.api import GkeApi

# kube-env and the like hold the credentials by which a machine joins its cluster.
_SECRET = ("metadata", "instanceEncryptionKey", "sourceMachineImageEncryptionKey")


def described(api: GkeApi, zones: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and description of every instance in these zones, page by page, without what is secret.

    An instance whose name another zone has, too, is told with its zone behind the name.
    """
    seen: set[str] = set()
    for zone, instance in api.every_instance():
        if zone not in zones:
            continue
        told = {field: value for field, value in instance.items() if field not in _SECRET}
        for disk in told.get("disks", ()):
            disk.pop("diskEncryptionKey", None)
        name = instance["name"]
        yield f"{name}.{zone}" if name in seen else name, told
        seen.add(name)
