"""Airflow's own API with the plugin's app, over a database of Airflow with the bundled DAGs in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.dags.bundle import FOLDER
from dcluster_provider.hooks.connection import settings_from


@pytest.fixture(scope="module")
def airflow_app():
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture(scope="session")
def airflow_database(database_of_this_process):
    """Airflow's database, with the bundled DAGs as the DAG processor would have stored them."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(FOLDER), bundle_path=FOLDER)
    assert bag.import_errors == {}
    sync_bag_to_db(bag, "dags-folder", None)
    _unpause(bag.dags)


def _unpause(dag_ids) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id.in_(dag_ids)).values(is_paused=False))


@dataclass
class Api:
    """The API as a user with a role sees it, and the use cases behind it."""

    client: TestClient
    control: Control

    def become(self, role: str | None, username: str = "somebody") -> None:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.api_fastapi.core_api.security import get_user

        user = SimpleAuthManagerUser(username=username, role=role)
        self.client.app.dependency_overrides[get_user] = lambda: user

    def runs(self, dag_id: str) -> list:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            found = session.execute(select(DagRun.run_id, DagRun.conf).where(DagRun.dag_id == dag_id))
            return [(run.run_id, run.conf) for run in found]


@pytest.fixture
def api(airflow_app, airflow_database, tmp_path: Path, monkeypatch) -> Api:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    from dcluster_provider.plugin.rest.app import make_app

    extra = {"home": str(tmp_path / "home")}
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", json.dumps({"conn_type": "dcluster", "extra": extra}))
    with create_session() as session:
        session.execute(delete(DagRun))
    control = connect(settings_from("dcluster_default", extra))
    return Api(TestClient(make_app(), raise_server_exceptions=False), control)
