"""What the ``[dcluster]`` section of Airflow's configuration says of the bundled DAGs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from dcluster_provider.hooks.airflow_names import conf
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID

_DEFAULTS = {
    "cluster_check_schedule": "*/5 * * * *",
    "long_running_alert_schedule": "*/10 * * * *",
    "node_cleanup_schedule": "*/15 * * * *",
    "instance_sync_schedule": "0 * * * *",
    "request_runs": "16",
    "launch_timeout": "900",
    "upkeep_conn_ids": DEFAULT_CONN_ID,
}
OPTIONS: dict[str, dict[str, Any]] = {
    name: {
        "description": description,
        "version_added": "0.1.0",
        "type": "integer" if name in ("request_runs", "launch_timeout") else "string",
        "example": None,
        "default": _DEFAULTS[name],
    }
    for name, description in {
        "cluster_check_schedule": "When the bundled cluster check runs, as a cron expression; empty means only when "
        "asked for.",
        "long_running_alert_schedule": "When the bundled alert of long-running jobs runs; empty means only when asked "
        "for.",
        "node_cleanup_schedule": "When the bundled clean-up of unused nodes runs; empty means only when asked for.",
        "instance_sync_schedule": "When the bundled record of instances runs; empty means only when asked for.",
        "request_runs": "How many runs of each bundled DAG that carries out requests may be active at once.",
        "launch_timeout": "Seconds until a launch by a bundled DAG is given up and undone.",
        "upkeep_conn_ids": "The connections that the scheduled bundled DAGs look after, separated by commas.",
    }.items()
}


def text(option: str) -> str:
    """The value of an option."""
    return str(conf.get("dcluster", option, fallback=_DEFAULTS[option])).strip()


def number(option: str) -> int:
    """The value of an option that is a number."""
    return int(text(option))


def conn_ids() -> list[str]:
    """The connections that are looked after."""
    return [each.strip() for each in text("upkeep_conn_ids").split(",") if each.strip()]


def schedule(option: str) -> str | None:
    """The schedule that an option holds; none when it is empty."""
    return text(option) or None


def for_requests() -> dict[str, Any]:
    """The arguments of a DAG whose runs carry out requests, each one request."""
    return _for_all() | {"max_active_runs": number("request_runs")}


def for_upkeep() -> dict[str, Any]:
    """The arguments of a DAG that looks after things, one run at a time."""
    return _for_all() | {"max_active_runs": 1}


def _for_all() -> dict[str, Any]:
    return {
        "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "catchup": False,
        "is_paused_upon_creation": False,
        "tags": ["dcluster"],
        # A retry goes on with what a try that was killed has begun.
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=15)},
    }
