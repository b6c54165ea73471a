"""An Airflow whose users log in: an administrator, a user and a viewer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
from hanging import ANSWER_SECONDS

USERS = {"admin": "admin", "user": "user", "viewer": "viewer"}  # name: role of the simple auth manager
BUNDLES = [{"name": "dcluster", "classpath": "dcluster_provider.dags.bundle.DClusterDagBundle", "kwargs": {}}]


def variables(home: Path, database: str) -> dict[str, str]:
    """The settings of such an Airflow, which has the bundled DAGs and no others."""
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({name: f"{name}-password" for name in USERS}))
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.replace("psycopg2", "asyncpg"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
        # A test's own requests are all that runs.
        "AIRFLOW__DCLUSTER__CLUSTER_CHECK_SCHEDULE": "",
        "AIRFLOW__DCLUSTER__LONG_RUNNING_ALERT_SCHEDULE": "",
        "AIRFLOW__DCLUSTER__NODE_CLEANUP_SCHEDULE": "",
        "AIRFLOW__DCLUSTER__INSTANCE_SYNC_SCHEDULE": "",
    }


def log_in(url: str, name: str) -> str:
    """A user's token, as ``POST /auth/token`` gives it."""
    body = {"username": name, "password": f"{name}-password"}
    return str(
        httpx.post(f"{url}/auth/token", json=body, timeout=ANSWER_SECONDS)
        .raise_for_status()
        .json()["access_token"]
    )


def curl(command: list[str], token: str | None) -> tuple[int, str]:
    """Run curl with a user's token; its answer's status and body."""
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [
            *command,
            "--silent",
            "--show-error",
            "--max-time",
            str(ANSWER_SECONDS),
            "--write-out",
            "\n%{http_code}",
            *header,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body
