"""What a connection and the configuration say to the local platform."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dcluster_provider.core.connection_fields import Text
from dcluster_provider.platforms.settings import PlatformSettings


class LocalSettings(PlatformSettings):
    """Settings of :class:`~dcluster_provider.platforms.local.platform.LocalPlatform`.

    :param home: folder of everything that clusters write; their logs stay there after they have ended.
    :param engines_folder: folder of the installed engines, which deployments can share.
    :param keep_logs_days: logs of clusters that ended longer ago are removed.
    """

    home: Path
    engines_folder: Path
    java_home: Text | None = Field(
        None,
        title="Java home",
        description="Folder of a Java 17 to 21; empty means JAVA_HOME, the java on the path, or one from PyPI.",
    )
    python: Text | None = Field(
        None,
        title="Python",
        description="Interpreter that engines are installed for; empty means this one if it fits, or one on the path.",
    )
    maven_repository: Text = Field(
        "",
        title="Maven repository",
        description="Address that Flink's file system for S3 is fetched from, since its Python package lacks it; empty "
        "means that somebody puts the jar into the folder plugins of the engines folder.",
    )
    keep_logs_days: float = 14
