"""Locations: texts that identify where a platform makes a cluster."""

from __future__ import annotations

_SERVER = ", Kubernetes "


def namespace_location(namespace: str, server: str) -> str:
    """The location of what is in a namespace.

    :param server: the identity of the Kubernetes cluster behind the API server; empty while it is unknown.
    """
    return f"namespace {namespace}" + (f"{_SERVER}{server}" if server else "")


def is_same_location(one: str, other: str) -> bool:
    """Whether two locations may be the same one: a location without a server matches any server."""
    (name, _, server), (other_name, _, other_server) = one.partition(_SERVER), other.partition(_SERVER)
    return name == other_name and (not server or not other_server or server == other_server)


def is_more_precise(known: str, observed: str) -> bool:
    """Whether an observed location is the known one, with the server that the known one does not name."""
    return observed != known and _SERVER not in known and is_same_location(known, observed)
