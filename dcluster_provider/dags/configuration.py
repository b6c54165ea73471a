"""The options of the bundled DAGs, from Airflow's configuration, and the connections that their runs maintain."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import task
from airflow.sdk.configuration import conf

from dcluster_provider.dags.options import OPTIONS


def text(option: str) -> str:
    """The text of an option, or its default."""
    return str(conf.get("dcluster", option, fallback=OPTIONS[option]["default"])).strip()


def number(option: str) -> int:
    """The value of an integer option."""
    return int(text(option))


def conn_ids() -> list[str]:
    """The ids of the connections to maintain."""
    return [each.strip() for each in text("upkeep_conn_ids").split(",") if each.strip()]


def schedule(option: str) -> str | None:
    """The schedule of an option; None when the option is empty."""
    return text(option) or None


def for_requests() -> dict[str, Any]:
    """The arguments of a DAG whose runs each carry out one request."""
    return _for_all() | {"max_active_runs": number("request_runs")}


def for_upkeep() -> dict[str, Any]:
    """The arguments of a maintenance DAG, with one active run."""
    return _for_all() | {"max_active_runs": 1}


def _for_all() -> dict[str, Any]:
    return {
        "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "catchup": False,
        "is_paused_upon_creation": False,
        "tags": ["dcluster"],
        # A retry continues what a killed attempt has begun.
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=15)},
    }


def each_connection() -> Any:
    """A task that returns the connections of the run's parameters, for mapping other tasks over them."""

    @task
    def connections(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["dcluster_conn_ids"])

    return connections()
