"""Every curl of the dCluster API's documentation against a live Airflow on each platform, and what came of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from bundled_dags import BUNDLED_DAGS
from connections import connection_variable, settings_for_kubernetes, settings_for_local
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.core.record import ClusterState, JobState
from demo.standalone import Standalone
from tests.live.conftest import (
    ANSWER_SECONDS,
    HERE,
    engines_folder,
    healthy_rest,
    install_engines,
)
from tests.live.rest_page import abbreviated, compare
from tests.live.rest_users import curl, log_in, variables
from tests.live.seed_curls import CALLS, STATUS_10603, TERMINATE_570232, Call
from tests.live.trials import long_except

NAME = "spark-dev-myteam-123"  # of the documentation; our own names have a time in them
# The documentation's clusters ask for 28 GiB: more than a testbed has, and than they use.
_LITTLE = {"cpu": "100m", "memory": "256Mi"}


@dataclass
class Dialogue:
    """A live Airflow, asked with curl as a user who may launch and terminate."""

    url: str
    token: str
    control: Control
    registry: Path
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)

    def ask(self, route: str) -> None:
        """Make a call as the documentation shows it, and keep its answer."""
        self.answers[route] = self.run(CALLS[route])

    def run(self, call: Call) -> tuple[int, str]:
        return curl(call.command(self.url), self.token)

    def next_id(self, table: str, number: int) -> None:
        """Have the next row of a table get the number that the documentation uses; above those that it has."""
        with sqlite3.connect(self.registry, timeout=ANSWER_SECONDS) as database:
            database.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number - 1))

    def wait_for_cluster(self, cluster_id: int) -> None:
        """Wait until a cluster runs and the run that launched it knows."""
        self.control.clusters.wait(cluster_id, [ClusterState.RUNNING], HANG_SECONDS)
        path = f"{self.url}/api/v2/dags/dcluster_launch_cluster/dagRuns/rest__cluster_{cluster_id}"
        headers = {"Authorization": f"Bearer {self.token}"}
        assert wait_until(
            lambda: httpx.get(path, headers=headers, timeout=ANSWER_SECONDS).json()["state"] == "success"
        )

    def wait_for_job(self, job_id: int, state: JobState) -> None:
        self.control.jobs.wait(job_id, [state], HANG_SECONDS)


@pytest.fixture(scope="module", params=long_except(["local"], ["local", "kubernetes"]))
def dialogue(request, tmp_path_factory, airflow_database) -> Iterator[Dialogue]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on the path")
    platform = request.param
    kubernetes = request.getfixturevalue("kubernetes_connection") if platform == "kubernetes" else None
    home = tmp_path_factory.mktemp("airflow")
    applications = (kubernetes.folder if kubernetes else home) / "apps"
    application = applications / "my-team" / "data-processing" / "v1.0" / "main.py"
    application.parent.mkdir(parents=True)
    shutil.copy(HERE / "applications" / "endless.py", application)
    template = f"{applications}/{{client}}/{{module}}/{{codeVersion}}/main.py"
    if kubernetes:
        kubernetes = kubernetes.with_(_LITTLE, application_template=template)
        connections = kubernetes.variables
    else:
        install_engines(home)
        connections = {"AIRFLOW_CONN_DCLUSTER_DEFAULT": connection_variable(application_template=template)}
    standalone = Standalone(
        home,
        home / "dags",
        variables(home, airflow_database(f"airflow_rest_{platform}"))
        | {"AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder())}
        | connections,
    )
    if kubernetes:
        settings = settings_for_kubernetes(home / "dcluster", kubernetes.settings)
        control = connect(settings, {"kubernetes": kubernetes.client})
    else:
        control = connect(settings_for_local(home / "dcluster", engines_folder()))
    standalone.start()
    try:
        healthy_rest(standalone)
        token = log_in(standalone.url, "user")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=standalone.url, headers=headers, timeout=ANSWER_SECONDS) as client:
            assert wait_until(
                lambda: {dag["dag_id"] for dag in client.get("/api/v2/dags").json()["dags"]} == BUNDLED_DAGS
            )
        control.registry.describe()  # makes the tables
        yield Dialogue(standalone.url, token, control, home / "dcluster" / "registry.db")
    finally:
        standalone.stop()
        for cluster in control.clusters.list():
            control.clusters.terminate(cluster.id, actor="the tests' end")
    left = standalone.leftovers()
    assert not left, f"processes are left over: {left}"


@pytest.fixture(scope="module")
def answers(dialogue) -> dict[str, tuple[int, str]]:
    """Every call in an order in which each has something to tell of."""
    ask, control = dialogue.ask, dialogue.control
    ask("GET /")

    with sqlite3.connect(dialogue.registry, timeout=ANSWER_SECONDS) as database:
        database.execute(
            "CREATE TRIGGER name_of_the_documentation AFTER INSERT ON dcluster_cluster WHEN NEW.id = 123 "
            f"BEGIN UPDATE dcluster_cluster SET name = '{NAME}' WHERE id = 123; END"
        )
    dialogue.next_id("dcluster_cluster", 123)
    ask("POST /v2/launch/spark/cluster")
    dialogue.wait_for_cluster(123)
    ask("GET /status/spark/cluster/{clusterId}")
    ask("GET /status/cluster/name/{clusterName}")

    dialogue.next_id("dcluster_job", 789)
    ask("POST /job/submit")
    dialogue.wait_for_job(789, JobState.RUNNING)
    for route in ("status/{jobId}", "info/{jobId}", "list", "check/{client}/{module}", "monitor/{client}"):
        ask(f"GET /job/{route}")
    ask("POST /job/terminate/{jobId}")
    dialogue.wait_for_job(789, JobState.KILLED)
    dialogue.next_id("dcluster_job", 570232)
    assert json.loads(dialogue.run(CALLS["POST /job/submit"])[1])["jobId"] == 570232
    assert "570232" in dialogue.run(Call("", TERMINATE_570232, ""))[1]
    dialogue.wait_for_job(570232, JobState.KILLED)
    last = json.loads(dialogue.run(CALLS["POST /job/submit"])[1])["jobId"]
    ask("POST /job/stopped/{client}/{module}")
    dialogue.wait_for_job(last, JobState.KILLED)
    ask("DELETE /terminate/spark/{clusterId}")
    control.clusters.wait(123, [ClusterState.TERMINATED], HANG_SECONDS)

    dialogue.next_id("dcluster_cluster", 456)
    ask("POST /launch/flink/cluster")
    dialogue.wait_for_cluster(456)
    ask("GET /status/cluster/{clusterId}")
    ask("GET /terminate/flink/{clusterId}")
    control.clusters.wait(456, [ClusterState.TERMINATED], HANG_SECONDS)

    dialogue.next_id("dcluster_cluster", 10603)
    ask("POST /launch/spark/cluster")
    dialogue.wait_for_cluster(10603)
    assert dialogue.run(Call("", STATUS_10603, "")) == (200, '"RUNNING"')
    control.clusters.terminate(10603)

    for route in CALLS:
        if route not in dialogue.answers:
            ask(route)
    return dialogue.answers


def test_every_call_answers_as_the_documentation_says(answers):
    refused = {
        "POST /node/launch",
        "POST /node/destroy",
    }  # no machine can be made or destroyed without a cloud
    assert {route for route, (status, _) in answers.items() if status != 200} == refused
    values = {route: json.loads(body) if body else None for route, (_, body) in answers.items()}
    assert [
        values[f"POST /{path}/cluster"] for path in ("launch/spark", "v2/launch/spark", "launch/flink")
    ] == [
        10603,
        123,
        456,
    ]
    assert values["GET /status/cluster/{clusterId}"] == "RUNNING"
    assert values["GET /job/check/{client}/{module}"] is True
    assert values["POST /job/stopped/{client}/{module}"] is True
    assert [job["jobId"] for job in values["GET /job/list"]] == [789]
    assert values["GET /ec2-list-info"] == 0
    empty = {route for route, (_, body) in answers.items() if not body}
    assert empty == {"POST /log/instance/{instanceId}", "GET /node/croncleanup"}


def test_what_was_asked_for_is_done_by_runs_that_succeed(answers, dialogue):
    headers = {"Authorization": f"Bearer {dialogue.token}"}
    with httpx.Client(base_url=dialogue.url, headers=headers, timeout=ANSWER_SECONDS) as client:

        def runs() -> dict[str, list[str]]:
            found = client.get("/api/v2/dags/~/dagRuns", params={"limit": 100}).json()["dag_runs"]
            by_dag: dict[str, list[str]] = {}
            for run in found:
                by_dag.setdefault(run["dag_id"], []).append(run["state"])
            return by_dag

        ended = ("success", "failed")
        assert wait_until(lambda: all(s in ended for states in runs().values() for s in states), 2)
        # The runs of the jobs that were terminated, and of nothing else, have failed.
        assert runs() == {
            "dcluster_launch_cluster": ["success"] * 3,
            "dcluster_submit_job": ["failed"] * 3,
            "dcluster_terminate_job": ["success"] * 3,
            "dcluster_terminate_cluster": ["success"] * 2,
            "dcluster_cluster_check": ["success"],
            "dcluster_long_running_alert": ["success"],
            "dcluster_node_cleanup": ["success"],
        }


@pytest.mark.long
def test_what_a_killed_server_has_stored_is_completed_by_the_check(answers, dialogue):
    # All that such a server leaves is the row; that it does is shown in test_rest_server.
    asked = dialogue.control.clusters.request({"tenant": "cut-short", "workerMemory": "1Gi"}, "a request")
    assert dialogue.control.clusters.status(asked.id) is ClusterState.REQUESTED
    with sqlite3.connect(dialogue.registry, timeout=ANSWER_SECONDS) as database:
        earlier = "strftime('%Y-%m-%d %H:%M:%f', state_since, '-10 minutes')"
        database.execute(f"UPDATE dcluster_cluster SET state_since = {earlier} WHERE id = ?", [asked.id])
    assert dialogue.run(CALLS["GET /cluster/check"])[0] == 200
    dialogue.control.clusters.wait(asked.id, [ClusterState.RUNNING], HANG_SECONDS)
    dialogue.control.clusters.terminate(asked.id)
    dialogue.control.clusters.wait(asked.id, [ClusterState.TERMINATED], HANG_SECONDS)


def test_the_page_has_each_call_with_its_answer(answers):
    lines = ["| Call | What does the same | Answer |", "| --- | --- | --- |"]
    for route, call in CALLS.items():
        command = call.curl.replace("|", "\\|")
        lines.append(f"| `{command}` | {call.same} | {abbreviated(*answers[route])} |")
    compare("calls", lines)
