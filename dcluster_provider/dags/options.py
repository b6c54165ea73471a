"""The options of the bundled DAGs in Airflow's configuration; imports nothing, since every process reads them."""

from __future__ import annotations

from typing import Any

_CRON = "as a cron expression; empty means only on request."


def _option(default: str, description: str, kind: str = "string") -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": None,
        "default": default,
    }


OPTIONS: dict[str, dict[str, Any]] = {
    "upkeep_conn_ids": _option(
        "dcluster_default", "The connections that the scheduled bundled DAGs maintain, separated by commas."
    ),
    "cluster_check_schedule": _option("*/5 * * * *", f"When the bundled cluster check runs, {_CRON}"),
    "long_running_alert_schedule": _option(
        "*/10 * * * *", f"When the bundled alert about long-running jobs runs, {_CRON}"
    ),
    "node_cleanup_schedule": _option(
        "*/15 * * * *", f"When the bundled clean-up of unused nodes runs, {_CRON}"
    ),
    "instance_sync_schedule": _option("0 * * * *", f"When the bundled record of instances runs, {_CRON}"),
    "request_runs": _option(
        "16", "How many runs of each bundled DAG that carries out requests may be active at once.", "integer"
    ),
    "launch_timeout": _option(
        "900", "Seconds after which a launch by a bundled DAG is given up and undone.", "integer"
    ),
}
