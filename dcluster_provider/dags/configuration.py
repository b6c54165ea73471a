"""What the ``[dcluster]`` section of Airflow's configuration says of the bundled DAGs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk.configuration import conf

from dcluster_provider.dags.options import OPTIONS


def text(option: str) -> str:
    """The value of an option."""
    return str(conf.get("dcluster", option, fallback=OPTIONS[option]["default"])).strip()


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
