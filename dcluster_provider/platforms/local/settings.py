"""What the local platform is told by the connection or the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPARK_VERSION = "3.5.9"
FLINK_VERSION = "2.3.0"


@dataclass(frozen=True)
class LocalSettings:
    """Settings of :class:`~dcluster_provider.platforms.local.platform.LocalPlatform`.

    :param home: folder of everything that clusters write; their logs stay there after they have ended.
    :param engines_folder: folder of the installed engines, which deployments can share.
    :param deployment: only clusters of this deployment are listed.
    :param spark_version: a version of pyspark on PyPI, for the types ``spark`` and ``spark3``.
    :param flink_version: a version of apache-flink on PyPI.
    :param java_home: the Java to use; none means ``JAVA_HOME``, the ``java`` on the path, or one from PyPI.
    :param python: the Python that engines are installed for; none means this one if it fits, or one on the path.
    :param keep_logs_days: logs of clusters that ended longer ago are removed.
    """

    home: Path
    engines_folder: Path
    deployment: str
    spark_version: str = SPARK_VERSION
    flink_version: str = FLINK_VERSION
    java_home: str | None = None
    python: str | None = None
    keep_logs_days: float = 14

    def version(self, engine: str) -> str:
        """The version of an engine (``spark`` or ``flink``)."""
        return self.flink_version if engine == "flink" else self.spark_version
