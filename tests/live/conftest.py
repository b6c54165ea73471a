"""A live Airflow for the tests that need its scheduler, triggerer and retries."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from connections import connection_variable, settings_for_kubernetes, settings_for_local
from hanging import ANSWER_SECONDS, wait_until
from kubernetes_connection import KubernetesConnection, remove_volume, share_folder
from testbed.cache import engines_folder

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.settings import LocalSettings
from demo.rest import Rest
from demo.standalone import Standalone

if TYPE_CHECKING:
    from result_tables import Tables
    from testbed import Testbed

    from tests.live.api_server import ApiServer

HERE = Path(__file__).parent
EXAMPLE_DAGS = HERE.parents[1] / "example_dags"


def install_engines(home: Path) -> None:
    """Install what an Airflow in ``home`` would install at its first clusters."""
    local = LocalSettings(home=home / "dcluster", engines_folder=engines_folder())
    for engine in ("spark", "flink"):
        ensure_engine(engine, local, print)


class PersonsRest(Rest):
    """What a person does to a task in Airflow's pages."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=ANSWER_SECONDS)

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._client.patch(path, json={"new_state": state}).raise_for_status()

    def clear_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self._client.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body).raise_for_status()

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> object:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._get(path, deserialize=True)["value"]

    def runs(self, dag_id: str) -> list[str]:
        """The ids of a DAG's runs."""
        return [run["dag_run_id"] for run in self._get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]]

    def make_connection(self, body: dict[str, object]) -> None:
        self._client.post("/api/v2/connections", json=body).raise_for_status()

    def delete_connection(self, conn_id: str) -> None:
        self._client.delete(f"/api/v2/connections/{conn_id}").raise_for_status()


def healthy_rest(standalone: Standalone) -> PersonsRest:
    """The REST API of an Airflow that was started, once all its parts work."""
    rest, now = PersonsRest(standalone.url), datetime.now(timezone.utc)
    healthy = wait_until(lambda: rest.works(now) or standalone.ended_by_itself())
    assert healthy, standalone.log.read_text()[-5000:]
    assert not standalone.ended_by_itself(), standalone.log.read_text()[-5000:]
    return rest


@dataclass
class LiveAirflow:
    """A running Airflow, its REST API and the registry that its tasks use.

    :param platform: ``local`` or ``kubernetes``.
    """

    platform: str
    standalone: Standalone
    rest: PersonsRest
    control: Control
    work: Path
    full_disk: Path
    tables: Tables

    def waits(self, path: str, dag_id: str, run_id: str) -> bool:
        """Whether the only task of a run waits, ``running`` on a worker or ``deferred`` in the triggerer.

        A task whose trigger has not begun yet is deferred, too, and nobody would tell that trigger of its end.
        """
        (task,) = self.rest.tasks(dag_id, run_id)
        log = f"logs/dag_id={dag_id}/run_id={run_id}/**/attempt={task['try_number']}.log.trigger.*"
        has_begun = any(self.standalone.home.glob(log))
        return task["state"] == path and (has_begun or path != "deferred")

    def has_left_its_worker(self, dag_id: str, run_id: str, task_id: str) -> bool:
        """Whether a task is deferred, and the scheduler knows that the process has ended in which this try deferred it.

        When the trigger fires before, Airflow takes that end for the end of the process in which the task goes on: it
        fails the try.
        """
        (task,) = [it for it in self.rest.tasks(dag_id, run_id) if it["task_id"] == task_id]
        told = "Received executor event with state success"
        of_try = (dag_id, f"'{task_id}'", run_id, f"try_number={task['try_number']},")
        lines = self.standalone.log.read_text(errors="replace").splitlines()
        return task["state"] == "deferred" and any(
            told in line and all(word in line for word in of_try) for line in lines
        )

    def resources_that_do_not_come(self) -> Path:
        """A pipe that nobody writes into: a Spark worker that reads its resources from it does not join."""
        path = self.work / f"{secrets.token_hex(8)}.resources"
        os.mkfifo(path)
        path.chmod(0o666)
        return path

    def let_come(self, resources: Path) -> None:
        """Let the Spark workers join that read such a pipe, now or later."""
        pipe = os.open(resources, os.O_RDWR)
        later = resources.with_suffix(".there")
        later.write_text("[]")
        later.replace(resources)
        os.write(pipe, b"[]")
        os.close(pipe)


@pytest.fixture(scope="session")
def kubernetes_connection(
    testbed: Testbed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KubernetesConnection]:
    """A namespace of the testbed as production would have it, and a folder that its pods share with the tests."""
    folder = tmp_path_factory.mktemp("shared")
    with testbed.namespace("airflow") as namespace:
        yield share_folder(testbed, namespace, folder)
    remove_volume(testbed, namespace)


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, airflow_database: Callable[[str], str]
) -> Iterator[ApiServer]:
    """An API server of Airflow by itself, which stores requests and runs none of them."""
    from tests.live.api_server import ApiServer

    server = ApiServer(tmp_path_factory.mktemp("airflow"), airflow_database("airflow_server"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def airflow_environment(tmp_path: Path, migrated_sqlite: Path) -> dict[str, str]:
    """The environment of an Airflow of the test's own, with an empty folder of DAGs."""
    home, dags = tmp_path / "airflow", tmp_path / "dags"
    home.mkdir()
    dags.mkdir()
    shutil.copy(migrated_sqlite, home)
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder()),
    }


@pytest.fixture(scope="session", params=["local", "kubernetes"])
def live_airflow(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    airflow_database: Callable[[str], str],
    tables: Tables,
) -> Iterator[LiveAirflow]:
    platform: str = request.param
    kubernetes: KubernetesConnection | None = None
    if platform == "kubernetes":
        kubernetes = request.getfixturevalue("kubernetes_connection")
    home = tmp_path_factory.mktemp("airflow")
    work = kubernetes.folder if kubernetes else tmp_path_factory.mktemp("work")
    full_disk = tmp_path_factory.mktemp("disk")
    dags = home / "dags"
    shutil.copytree(HERE / "dags", dags)
    shutil.copytree(EXAMPLE_DAGS, dags / "examples")
    for application in (HERE / "applications").glob("*.py"):
        shutil.copy(application, work)
    database = airflow_database(f"airflow_{platform}")
    variables = {
        # Airflow's own tables: on SQLite its scheduler and API give up with "database is locked" under load.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.replace("psycopg2", "asyncpg"),
        "DCLUSTER_TEST_FOLDER": str(work),
        "AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder()),
        # An address where nobody answers: the engines that the tests use are installed before.
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/",
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "UV_CACHE_DIR": str(home / "empty-cache"),
        "AIRFLOW_CONN_WITHOUT_JAVA": connection_variable(java_home="/no/such/java"),
        "AIRFLOW_CONN_NOT_INSTALLED": connection_variable(spark_version="3.5.8"),
        "AIRFLOW_CONN_FULL_DISK": connection_variable(home=str(full_disk)),
    } | (kubernetes.variables if kubernetes else {})
    install_engines(home)
    if kubernetes:
        settings = settings_for_kubernetes(home / "dcluster", kubernetes.settings)
        control = connect(settings, {"kubernetes": kubernetes.client})
    else:
        control = connect(settings_for_local(home / "dcluster", engines_folder()))
    standalone = Standalone(home, dags, variables)
    standalone.start()
    try:
        rest = healthy_rest(standalone)
        rest.log_in()
        yield LiveAirflow(platform, standalone, rest, control, work, full_disk, tables)
    finally:
        standalone.stop()
        for cluster in control.clusters.list():
            control.clusters.terminate(cluster.id, actor="the tests' end")
    left = standalone.leftovers()
    assert not left, f"processes are left over: {left}"
