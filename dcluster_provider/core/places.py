"""Where clusters are made, in words that tell one place from every other."""

from __future__ import annotations

_SERVER = ", Kubernetes "


def namespace_place(namespace: str, server: str) -> str:
    """The place of what is in a namespace.

    :param server: what tells the API server's cluster from every other; empty while it is not known.
    """
    return f"namespace {namespace}" + (f"{_SERVER}{server}" if server else "")


def is_same_place(one: str, other: str) -> bool:
    """Whether two places are one, as far as both tell: one that does not name its server may be on any."""
    (name, _, server), (other_name, _, other_server) = one.partition(_SERVER), other.partition(_SERVER)
    return name == other_name and (not server or not other_server or server == other_server)


def is_told_better(known: str, told: str) -> bool:
    """Whether a place is the known one, and names the server which that does not."""
    return told != known and _SERVER not in known and is_same_place(known, told)
