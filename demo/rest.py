"""The few calls to Airflow's REST API that the demonstration makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx

_PARTS = ("scheduler", "triggerer", "dag_processor")


class Rest:
    """Airflow's API at an address, asked as the administrator that every visitor is there.

    :param timeout: seconds that an answer may take.
    """

    def __init__(self, url: str, timeout: float = 30) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout)

    def works(self, since: datetime) -> bool:
        """Whether the scheduler, the triggerer and the DAG processor have all reported since a moment.

        Airflow calls unhealthy what has not reported for half a minute, which on a busy machine is one of them always.
        """
        try:
            health = self._client.get("/api/v2/monitor/health").raise_for_status().json()
        except httpx.HTTPError:
            return False
        reported = [(health.get(part) or {}).get(f"latest_{part}_heartbeat") for part in _PARTS]
        return all(each and datetime.fromisoformat(each.replace("Z", "+00:00")) >= since for each in reported)

    def log_in(self) -> None:
        """Get the token that the other calls need."""
        token = self._client.get("/auth/token").raise_for_status().json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG has been read and can be run.

        :raises RuntimeError: its file cannot be imported.
        """
        answer = self._client.get(f"/api/v2/dags/{dag_id}")
        if answer.status_code == httpx.codes.OK and not answer.json()["is_stale"]:
            return True
        for error in self._get("/api/v2/importErrors")["import_errors"]:
            raise RuntimeError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        return False

    def unpause(self, dag_id: str) -> None:
        """Let runs of the DAG start."""
        self._client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: dict[str, str]) -> str:
        """Start a run with these parameters, and return its id."""
        body = {"logical_date": None, "conf": conf}
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).raise_for_status()
        return str(answer.json()["dag_run_id"])

    def unfinished_runs(self, dag_id: str) -> list[str]:
        """The ids of the DAG's runs that are queued or running."""
        runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns", state=["queued", "running"])["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed, which ends its tasks."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._client.patch(path, json={"state": "failed"}).raise_for_status()

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The run's state."""
        return str(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances, in the order in which they started."""
        found = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(found, key=lambda task: task["start_date"] or "9")  # those to come are the last

    def task_log(self, task: dict[str, Any]) -> str:
        """The log of a task's latest try, as lines."""
        path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        content = self._get(f"{path}/logs/{max(1, task['try_number'])}", full_content=True)["content"]
        return "\n".join(_line(entry) for entry in content)

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self._client.get(path, params=query, headers={"Accept": "application/json"})
        return dict(answer.raise_for_status().json())


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    failures = "".join(
        f"\n{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()
    )
    return f"{entry.get('event', '')}{failures}"
