"""The plugin that Airflow finds by entry point."""

from __future__ import annotations

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin


def _served_apps() -> list[dict[str, Any]]:
    # Every Airflow process reads its plugins; only the API server needs what they serve.
    if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") != "server":
        return []
    from dcluster_provider.plugin.rest.app import app

    return [{"app": app, "url_prefix": "/dcluster", "name": "dCluster"}]


def _middlewares() -> list[dict[str, Any]]:
    if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") != "server":
        return []
    from dcluster_provider.plugin.rest.paths import ServiceWithoutSlash

    return [{"middleware": ServiceWithoutSlash, "args": [], "kwargs": {}, "name": "dCluster"}]


class DClusterPlugin(AirflowPlugin):
    """Serves the REST API, and the logs of jobs to users who may read the log of the owning task."""

    name = "dcluster"
    fastapi_apps: list[dict[str, Any]] = _served_apps()
    fastapi_root_middlewares: list[dict[str, Any]] = _middlewares()
