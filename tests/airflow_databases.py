"""Airflow's own databases for tests: migrated once for each set of installed versions, kept in the cache, copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import postgres
import pytest
from testbed.cache import Piece, Report, key_of, user_cache

AIRFLOW = str(Path(sys.executable).parent / "airflow")
_TEMPLATE = "airflow_template"
_COST = "half a minute"


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """The file of a migrated database in SQLite, to be copied."""
    return _piece("sqlite", _make_sqlite).ensure(print) / "airflow.db"


@pytest.fixture(scope="session")
def postgres_data() -> Path:
    """The data of a PostgreSQL server that has a migrated database, to be copied."""
    return _piece("postgres", _make_postgres).ensure(print) / "data"


@pytest.fixture(scope="session")
def airflow_database(postgres_server: postgres.Server) -> Callable[[str], str]:
    """Makes a database of a name on the tests' PostgreSQL, and gives its URL."""

    def make(name: str) -> str:
        postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return postgres_server.url(name)

    return make


@pytest.fixture(scope="session")
def database_of_this_process(migrated_sqlite: Path) -> Path:
    """The database of the Airflow that is imported in this process, which has no DAGs yet.

    What a test before it has opened, empty as it was, is closed and forgotten.
    """
    from airflow import settings

    file = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    settings.dispose_orm()
    for earlier in file.parent.glob(f"{file.name}*"):  # with its write-ahead log
        earlier.unlink()
    shutil.copy(migrated_sqlite, file)
    settings.configure_orm()
    return file


def _piece(name: str, build: Callable[[Path, Report], None]) -> Piece:
    installed = sorted(f"{it.name}=={it.version}" for it in distributions() if "dcluster" not in it.name)
    key = key_of([*installed, sys.version, str(postgres.PROGRAMS.name), Path(__file__)])
    return Piece(name, key, build, _COST, lambda: user_cache() / "airflow-databases")


def _make_sqlite(folder: Path, _report: Report) -> None:
    _migrate(folder, {})


def _make_postgres(folder: Path, _report: Report) -> None:
    with postgres.server_folder() as place:
        postgres.make_data(place)
        with postgres.run_server(place) as server:
            server.execute(f"CREATE DATABASE {_TEMPLATE}")
            _migrate(place, {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url(_TEMPLATE)})
        shutil.copytree(place / "data", folder / "data")


def _migrate(home: Path, settings: dict[str, str]) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(home)} | settings
    done = subprocess.run(
        [AIRFLOW, "db", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
