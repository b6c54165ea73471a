"""Connections, as a test names them with and without an Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dcluster_provider.control.settings import Settings
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.local.settings import LocalSettings


def connection_variable(**extra: str) -> str:
    """A dcluster connection, as an environment variable holds it.

    :param extra: the connection's fields.
    """
    return json.dumps({"conn_type": "dcluster", "extra": extra})


def settings_for_local(
    home: Path, engines_folder: Path, registry: Path | str = "", **fields: Any
) -> Settings:
    """A connection to the local platform.

    :param registry: a file, or SQLAlchemy's address of a database; empty means a file in ``home``.
    """
    local = LocalSettings(
        home=home,
        engines_folder=engines_folder,
        deployment=fields.get("deployment", "airflow"),
        maven_repository=fields.pop("maven_repository", ""),
    )
    return _connection(home, registry, {"platform_settings": local} | fields)


def settings_for_kubernetes(
    home: Path, kubernetes: KubernetesSettings, registry: Path | str = "", **fields: Any
) -> Settings:
    """A connection to Kubernetes; see :func:`settings_for_local`."""
    platform = {
        "platform": "kubernetes",
        "platform_settings": kubernetes.model_copy(update={"home": home}),
        "deployment": kubernetes.deployment,
    }
    return _connection(home, registry, platform | fields)


def _connection(home: Path, registry: Path | str, fields: dict[str, Any]) -> Settings:
    address = str(registry or home / "registry.db")
    url = address if "://" in address else f"sqlite:///{address}"
    return Settings(**{"conn_id": "dcluster_default", "registry_url": url, "home": home} | fields)
