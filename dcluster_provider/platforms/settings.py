"""What the settings of every platform have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.connection_fields import DEFAULT_DEPLOYMENT, ConnectionSettings, Deployment, Flag
from dcluster_provider.core.fields import EngineVersion
from dcluster_provider.engines.releases import (
    VersionOfEngine,
    default_version,
    find_version,
    reject_unknown_version,
    unknown_version,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_VERSION_FIELDS = {
    "spark": "spark_version",
    "spark3": "spark_version",
    "spark4": "spark4_version",
    "flink": "flink_version",
}


def _version_field(title: str, cluster_type: str, types: str) -> Any:
    return Field(
        default_version(cluster_type),
        title=title,
        description=f"Version of clusters of type {types} that name none: a release or one of its patches.",
    )


class PlatformSettings(ConnectionSettings):
    """What a connection says to its platform.

    A platform without namespaces leaves them empty.
    """

    deployment: Deployment = DEFAULT_DEPLOYMENT
    namespace: str = ""
    external_namespace: str = ""
    spark_version: EngineVersion = _version_field("Spark version", "spark3", "spark and spark3")
    spark4_version: EngineVersion = _version_field("Spark 4 version", "spark4", "spark4")
    flink_version: EngineVersion = _version_field("Flink version", "flink", "flink")
    allow_untested_versions: Flag = Field(
        False,
        title="Allow untested versions",
        description="Take patches of releases that this package was not tested with, by the ways of the nearest one.",
    )

    @model_validator(mode="after")
    def _check_versions(self) -> Self:
        for cluster_type, field in _VERSION_FIELDS.items():
            version = getattr(self, field)
            if find_version(cluster_type, version, allow_untested=self.allow_untested_versions) is None:
                raise ValueError(f"field {field}: {unknown_version(cluster_type, version)}")
        return self

    def version(self, cluster_type: str, engine_version: str = "") -> VersionOfEngine:
        """The version of an engine that a cluster runs.

        :param engine_version: of its specification; empty means the connection's for the type.
        """
        field = _VERSION_FIELDS.get(cluster_type)
        version = engine_version or (getattr(self, field) if field else default_version(cluster_type))
        # What was allowed when the cluster was requested stays so.
        found = find_version(cluster_type, version, allow_untested=True)
        assert found is not None  # it was checked when it was given
        return found

    def check_version(self, spec: ClusterSpec) -> None:
        """Refuse a cluster of a release that is not known.

        :raises InvalidSpec: naming ``engineVersion``, the releases of the type and the nearest one.
        """
        reject_unknown_version(spec, allow_untested=self.allow_untested_versions)
