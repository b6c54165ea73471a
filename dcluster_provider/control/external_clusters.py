"""External clusters, by the names that the connection gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse


@dataclass(frozen=True)
class ExternalCluster:
    """A cluster that is not managed here, reached by its addresses.

    :param name: its name in the connection, by which jobs select it.
    :param type: its cluster type, which selects the engine.
    :param rest: ``http://host:port`` of the Spark master's page or of Flink's REST API.
    :param master: ``spark://host:port``; empty on Flink.
    :raises InvalidSpec: the type is unknown, or an address has another form.
    """

    name: str
    type: str
    rest: str
    master: str = ""

    def __post_init__(self) -> None:
        spec = self.spec
        _require(self.name, "rest", self.rest, "http")
        scheme = spec.traits.master_scheme
        if scheme:
            _require(self.name, "master", self.master, scheme)
        elif self.master:
            raise InvalidSpec(
                f"external cluster {self.name!r}: master: {spec.traits.title} is reached by rest alone; leave it out"
            )

    @property
    def spec(self) -> ClusterSpec:
        """The specification of its record: the name as the tenant, and the type."""
        return parse(ClusterSpec, {"tenant": self.name, "type": self.type})


def choose_external(known: Sequence[ExternalCluster], spec: JobSpec, conn_id: str) -> ExternalCluster:
    """The external cluster that a job selects: by name, or the only one of the job's engine.

    :raises InvalidSpec: there is none, there are several, or the named one has another engine.
    """
    names = {it.name: it for it in known}
    if not spec.cluster_name:
        fitting = [it for it in known if it.spec.engine == spec.engine]
        if len(fitting) == 1:
            return fitting[0]
        which = ", ".join(it.name for it in fitting) or "none"
        raise InvalidSpec(
            f"JobSpec: field clusterName: is empty, and connection {conn_id!r} has not exactly one external cluster "
            f"for {spec.engine} ({which}); name one of its external_clusters"
        )
    if spec.cluster_name not in names:
        choice = nearest(spec.cluster_name, set(names)) or f"; it has {', '.join(names) or 'none'}"
        raise InvalidSpec(
            f"JobSpec: field clusterName: connection {conn_id!r} has no external cluster {spec.cluster_name!r}{choice}"
        )
    found = names[spec.cluster_name]
    if found.spec.engine != spec.engine:
        raise InvalidSpec(
            f"JobSpec: field jobType: {spec.job_type!r} does not run on the external cluster {found.name!r}, which is "
            f"of type {found.type!r}"
        )
    return found


def _require(name: str, field: str, address: str, scheme: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != scheme or not parts.hostname or not _port(parts) or parts.path.strip("/"):
        raise InvalidSpec(
            f"external cluster {name!r}: {field}: {address!r} is not an address of the form {scheme}://host:port"
        )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
