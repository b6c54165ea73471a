"""Each supported Airflow, in the oldest and the newest Python, with the package from its wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from connections import connection_variable, settings_for_local
from hanging import ANSWER_SECONDS, wait_until
from testbed.cache import engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.hooks.connection_form import own_fields
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.settings import LocalSettings
from demo.standalone import Standalone
from tests.live.conftest import EXAMPLE_DAGS, healthy_rest
from tests.live.installations import ROOT, Combination, Installation, build_wheel, installed, interpreter

if TYPE_CHECKING:
    from result_tables import Tables

    from tests.live.conftest import PersonsRest

# Every other live test runs beside the newest Airflow: `make test` adds the oldest minor version.
IN_EVERY_RUN = Combination("3.2.2", constraints="constraints-airflow-3.2.txt")
FURTHER = [
    Combination("3.2.0", "3.10", "constraints-floors.txt", with_tests=True),
    Combination("3.2.2", "3.10", "constraints-airflow-3.2.txt", with_tests=True),
    Combination("3.2.2", "3.13", "constraints-airflow-3.2.txt", with_tests=True),
    Combination("3.3.2", "3.10", with_tests=True),
    Combination("3.3.2", "3.13", with_tests=True),
]
SHOWN = ("apache-airflow", "sqlalchemy", "pydantic", "apache-airflow-providers-cncf-kubernetes")
# About the repository, about this machine, or with a tool that a user's environment does not have.
NOT_OF_AN_INSTALLATION = (
    "tests/live",
    "tests/test_package.py",
    "tests/test_environment.py",
    "tests/test_testbed.py",
    "tests/test_benchmarks.py",
    "tests/test_example_dags.py",
)


@dataclass
class Trial:
    """One combination at work.

    :param home: of an Airflow by itself, for commands.
    :param standalone: another Airflow, which was started.
    :param shown: what its tests have shown of it.
    """

    combination: Combination
    installation: Installation
    home: Path
    standalone: Standalone
    application: Path
    shown: list[str] = field(default_factory=list)
    _rest: PersonsRest | None = None

    @property
    def rest(self) -> PersonsRest:
        """Of the standalone, once it works."""
        if self._rest is None:
            self._rest = healthy_rest(self.standalone)
            self._rest.log_in()
        return self._rest

    def airflow(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Airflow that has succeeded."""
        return self._run([self.standalone.programs / "airflow", *words])

    def python(self, code: str, **variables: str) -> Any:
        """What a program prints last, as JSON."""
        return json.loads(
            self._run([self.installation.python, "-c", code], **variables).stdout.splitlines()[-1]
        )

    def _run(self, command: list[str | Path], **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.standalone.environment | {"AIRFLOW_HOME": str(self.home)} | variables
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-8000:]
        return done


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(IN_EVERY_RUN, id=str(IN_EVERY_RUN)),
        *(pytest.param(it, id=str(it), marks=pytest.mark.long) for it in FURTHER),
    ],
)
def trial(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory, tables: Tables
) -> Iterator[Trial]:
    combination: Combination = request.param
    python = interpreter(combination.python) if combination.python else Path(sys.executable).resolve()
    if python is None:
        pytest.skip(f"no Python {combination.python} runs here")
    with installed(combination, python, wheel) as installation:
        trial = _start(combination, installation, tmp_path_factory.mktemp("versions"))
        try:
            yield trial
        finally:
            _end(trial)
    versions = dict(zip(("Python", *SHOWN), installation.versions(*SHOWN), strict=True))
    row = ", ".join(f"{name.removeprefix('apache-airflow-providers-')} {it}" for name, it in versions.items())
    tables.add("Supported versions", f"{row}: {', '.join(trial.shown) or 'nothing was shown'}")


def _start(combination: Combination, installation: Installation, folder: Path) -> Trial:
    """Its two Airflows, one of them starting up."""
    for name in ("home", "standalone"):
        (folder / name).mkdir()
        shutil.copy(installation.database, folder / name)
    application = folder / "pi_spark.py"
    shutil.copy(EXAMPLE_DAGS / "applications" / application.name, application)
    ensure_engine("spark", LocalSettings(home=folder, engines_folder=engines_folder()), print)
    bundles = [
        {
            "name": "dags-folder",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {},
        },
        {"name": "dcluster", "classpath": "dcluster_provider.dags.bundle.DClusterDagBundle", "kwargs": {}},
    ]
    schedules = ("CLUSTER_CHECK", "LONG_RUNNING_ALERT", "NODE_CLEANUP", "INSTANCE_SYNC")
    variables = {
        # Engines are installed once for all tests, for the Python that runs these.
        "AIRFLOW_CONN_DCLUSTER_DEFAULT": connection_variable(python=sys.executable),
        "AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder()),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "DCLUSTER_TEST_APPLICATION": str(application),
        **{f"AIRFLOW__DCLUSTER__{name}_SCHEDULE": "" for name in schedules},
    }
    standalone = Standalone(
        folder / "standalone", Path(__file__).parent / "version_dags", variables, installation.folder / "bin"
    )
    standalone.start()
    return Trial(combination, installation, folder / "home", standalone, application)


def _end(trial: Trial) -> None:
    trial.standalone.stop()
    for home in (trial.home, trial.standalone.home):
        control = connect(settings_for_local(home / "dcluster", engines_folder()))
        for cluster in control.clusters.list():
            control.clusters.terminate(cluster.id, actor="the tests' end")
    assert not trial.standalone.leftovers()


def ends(rest: PersonsRest, dag_id: str, run_id: str) -> None:
    """Wait until a run has succeeded; otherwise show the logs of its tasks."""
    over = {"success", "failed"}
    assert wait_until(lambda: rest.run_state(dag_id, run_id) in over, 1), rest.tasks(dag_id, run_id)
    tasks = rest.tasks(dag_id, run_id)
    assert rest.run_state(dag_id, run_id) == "success", "\n".join(map(rest.task_log, tasks))


def test_commands_and_examples_are_found(trial):
    assert "(schema " in trial.airflow("dcluster", "registry", "check").stdout
    code = """if True:
        import json
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag
        paths = {bundle.name: bundle.path for bundle in DagBundlesManager().get_all_dag_bundles()}
        folder = paths.get("dcluster-provider-example-dags")
        print("\\n" + json.dumps(sorted(DagBag(str(folder)).dags) if folder else []))
    """
    examples = sorted(f"dcluster_{path.stem.removeprefix('example_')}" for path in EXAMPLE_DAGS.glob("*.py"))
    found = trial.python(code, AIRFLOW__CORE__LOAD_EXAMPLES="True")
    # Before 3.3, Airflow loads its own examples alone.
    assert found == (examples if trial.combination.airflow >= "3.3" else [])
    trial.shown += ["commands", "examples"] if found else ["commands"]


def test_dag_test_waits_in_the_worker_and_in_the_triggerer(trial):
    tested = trial.airflow("dags", "test", "versions_tested")
    output = f"{tested.stdout}\n{tested.stderr}"
    assert "running trigger in line" in output
    assert output.count("Pi is roughly 3.") == 2, output[-8000:]
    listed = trial.airflow("dcluster", "jobs", "list", "--output", "json").stdout
    jobs = json.loads(listed[listed.index("[\n") :])  # before it, Airflow may warn of older providers there
    assert [job["state"] for job in jobs] == ["SUCCEEDED", "SUCCEEDED"]
    trial.shown.append("dag.test()")


def test_the_connection_has_its_form(trial):
    with web(trial) as client:
        kinds = client.get("/ui/connections/hook_meta").raise_for_status().json()
    (form,) = [kind for kind in kinds if kind["connection_type"] == "dcluster"]
    assert form["hook_name"] == "dCluster"
    assert set(form["extra_fields"]) == set(own_fields())
    trial.shown.append("form")


def test_a_scheduled_run_waits_in_the_triggerer(trial):
    rest = trial.rest
    assert wait_until(lambda: rest.has_dag("versions_scheduled"))
    rest.unpause(
        "versions_scheduled"
    )  # only now: a scheduler runs tasks before the API that they need is there
    assert wait_until(lambda: rest.runs("versions_scheduled") != [])
    (run_id,) = rest.runs("versions_scheduled")
    ends(rest, "versions_scheduled", run_id)
    (task,) = rest.tasks("versions_scheduled", run_id)
    log = rest.task_log(task)
    assert "Pausing task as DEFERRED" in log
    assert "Pi is roughly 3." in log
    trial.shown.append("scheduled run")


def test_the_rest_api_carries_a_job_out(trial):
    spec = {
        "client": "versions",
        "module": "rest",
        "jobType": "spark3",
        "application": str(trial.application),
    }
    with web(trial) as client:
        submitted = client.post("/dcluster/job/submit", json=spec | {"numWorkers": 1, "workerMemGb": 1})
        job_id = submitted.raise_for_status().json()["jobId"]

        def has_ended() -> bool:
            return client.get(f"/dcluster/job/status/{job_id}").json() in {"SUCCEEDED", "FAILED", "KILLED"}

        assert wait_until(has_ended, 1)
        assert client.get(f"/dcluster/job/info/{job_id}").json()["state"] == "SUCCEEDED"
    trial.shown.append("REST")


@pytest.mark.long
@pytest.mark.parametrize("trial", FURTHER, ids=str, indirect=True)
def test_pure_tests_pass(trial, tmp_path):
    copy = tmp_path / "repository"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "dcluster_provider", "site"))
    command = [trial.installation.python, "-m", "pytest", "-q", "-n", "2", "--dist=loadfile", "tests"]
    command += [f"--ignore={path}" for path in NOT_OF_AN_INSTALLATION]
    ours = ("AIRFLOW", "DCLUSTER", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    trial.shown.append("pure tests")


def web(trial: Trial) -> httpx.Client:
    """A client of the standalone's pages, as its administrator."""
    now = datetime.now(timezone.utc)
    assert wait_until(lambda: trial.rest.works(now))
    token = (
        httpx.get(f"{trial.standalone.url}/auth/token", timeout=ANSWER_SECONDS)
        .raise_for_status()
        .json()["access_token"]
    )
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=trial.standalone.url, headers=headers, timeout=ANSWER_SECONDS)
