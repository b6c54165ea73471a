"""The connections that a run of an upkeep DAG looks after."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


def each_connection() -> Any:
    """A task that gives the connections of the run's parameters, for others to be mapped over."""

    @task
    def connections(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["dcluster_conn_ids"])

    return connections()
