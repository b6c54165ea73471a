"""Airflow's own databases for tests, made once and copied: making one takes a third of a minute."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgres import Server

AIRFLOW = str(Path(sys.executable).parent / "airflow")
_TEMPLATE = "airflow_template"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database in SQLite, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    _migrate(home, {})
    return home / "airflow.db"


@pytest.fixture(scope="session")
def airflow_database(
    postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Makes a database of a name on the tests' PostgreSQL, and gives its URL."""
    postgres_server.execute(f"CREATE DATABASE {_TEMPLATE}")
    url = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres_server.url(_TEMPLATE)}
    _migrate(tmp_path_factory.mktemp("template"), url)

    def make(name: str) -> str:
        postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return postgres_server.url(name)

    return make


def _migrate(home: Path, settings: dict[str, str]) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(home)} | settings
    done = subprocess.run(
        [AIRFLOW, "db", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
