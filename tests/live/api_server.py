"""Airflow's API server by itself, with users who log in: requests are stored and their runs stay queued."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import psutil
from airflow_databases import AIRFLOW
from connections import connection_variable, settings_for_local
from hanging import ANSWER_SECONDS, wait_until

from dcluster_provider.control.connect import connect
from demo.standalone import Standalone, end
from tests.live.rest_users import log_in, variables

# Kills the server's process, once, when a file says so; Airflow's API server reads it as a plugin.
_DYING_PLUGIN = """
import os, signal
from pathlib import Path
from dcluster_provider.plugin.rest import cluster_routes, job_routes

WISH = Path(__file__).parent.parent / "die"

def dying(original):
    def call(*args):
        wish = WISH.read_text() if WISH.exists() else ""
        WISH.unlink(missing_ok=True)
        if wish == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        original(*args)
        if wish == "after":
            os.kill(os.getpid(), signal.SIGKILL)
    return call

if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "server":
    for routes in (cluster_routes, job_routes):
        routes.ensure_run = dying(routes.ensure_run)
"""


class ApiServer:
    """The API server of an Airflow in ``home``, whose bundled DAGs are stored in its database, which has been made."""

    def __init__(self, home: Path, database: str) -> None:
        self._home = home
        settings = variables(home, database) | {"AIRFLOW_CONN_DCLUSTER_DEFAULT": connection_variable()}
        settings["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(home / "plugins")
        # Only the settings of a standalone are used: its other processes would carry the requests out.
        standalone = Standalone(home, home / "dags", settings)
        self.url, self._environment = standalone.url, standalone.environment
        self._log = home / "api-server.log"
        self.control = connect(settings_for_local(home / "dcluster", home / "engines"))
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Store the bundled DAGs, and make the plugin that kills the server on demand."""
        (self._home / "plugins").mkdir()
        (self._home / "plugins" / "dying.py").write_text(_DYING_PLUGIN)
        command = [AIRFLOW, "dags", "reserialize"]
        subprocess.run(command, env=self._environment, check=True, capture_output=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [AIRFLOW, "api-server"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert wait_until(self._answers), self._log.read_text()[-5000:]

    def die(self, when: str) -> None:
        """Have it killed before or after the run of the next request is made."""
        (self._home / "die").write_text(when)

    def stop(self) -> None:
        """End it with every process under it, of which it may be the dead parent."""
        if self._process is not None:
            root = self._process.pid
            own = [each for each in psutil.process_iter() if _is_of_session(each, root)]
            end(own)
            self._process.wait()
            self._process = None

    def client(self, name: str | None) -> httpx.Client:
        """A client with a user's token, or without one."""
        headers = {"Authorization": f"Bearer {log_in(self.url, name)}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=ANSWER_SECONDS)

    def runs(self, dag_id: str) -> list[str]:
        """The ids of a DAG's runs, oldest first."""
        with self.client("admin") as client:
            answer = client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "id", "limit": 1000})
            return [run["dag_run_id"] for run in answer.raise_for_status().json()["dag_runs"]]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True  # the first request tells
        try:
            return httpx.get(f"{self.url}/dcluster/", timeout=ANSWER_SECONDS).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _is_of_session(process: psutil.Process, leader: int) -> bool:
    import os

    try:
        return os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False
