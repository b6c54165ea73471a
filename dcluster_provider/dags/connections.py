"""The connections that a run of a maintenance DAG covers."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


def each_connection() -> Any:
    """A task that returns the connections of the run's parameters, for mapping other tasks over them."""

    @task
    def connections(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["dcluster_conn_ids"])

    return connections()
