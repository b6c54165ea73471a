"""An Airflow of the demonstration's own: ``airflow standalone`` on free ports, ended with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from dcluster_provider.platforms.local.installation.environment import OWNER

STOP_SECONDS = 45
MARK = "DCLUSTER_DEMO_HOME"  # in the environment of everything that belongs to the demonstration


class Standalone:
    """Airflow in ``home``; at most one runs there.

    :param variables: more environment variables for it and its tasks.
    :param programs: the folder of its programs; by default those of the environment that this runs in.
    """

    def __init__(
        self, home: Path, dags: Path, variables: dict[str, str], programs: Path | None = None
    ) -> None:
        self.home = home
        self.programs = programs or Path(sys.executable).parent
        self.port = free_port()
        self.log = home / "standalone.log"
        self._pid_file = home / "demo-standalone.pid"
        self._process: subprocess.Popen[bytes] | None = None
        url = f"http://127.0.0.1:{self.port}"
        self.environment = (
            os.environ
            | {
                "PATH": f"{self.programs}{os.pathsep}{os.environ.get('PATH', '')}",
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__API__BASE_URL": url,
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API__PORT": str(self.port),
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__PARALLELISM": "4",  # more on SQLite ends in "database is locked"
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # it listens on this machine only
                # A busy machine needs longer for a DAG file than the 30 s and 50 s that Airflow gives it. It gives the
                # file up then, and takes its DAGs for stale.
                "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
                "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
                "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "600",
                "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
                "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
                "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # by default 5 s, in which a busy machine fails tasks
                "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
                MARK: str(home),
                **variables,
            }
        )

    @property
    def url(self) -> str:
        """Where its pages are."""
        return self.environment["AIRFLOW__API__BASE_URL"]

    def start(self) -> None:
        """Start it, after ending what a demonstration that was killed may have left."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.end_earlier()
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
            signal.signal(
                signal.SIGINT, signal.default_int_handler
            )  # Airflow would inherit it and not stop in order
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self.programs / "airflow"), "standalone"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demonstration alone, which then ends this in order
            )
        started = psutil.Process(self._process.pid).create_time()
        self._pid_file.write_text(f"{self._process.pid} {started}")

    def ended_by_itself(self) -> bool:
        """Whether it is over although nobody stopped it."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """End it and every process under it; clusters go on."""
        if self._process is not None:
            end_tree(self._process.pid)
            self._process.wait()
            end(self._strays())
        self._pid_file.unlink(missing_ok=True)

    def end_earlier(self) -> None:
        """End the processes of an earlier one in the same home, which its demonstration could not end."""
        if self._pid_file.exists():
            pid, started = self._pid_file.read_text().split()
            with suppress(psutil.NoSuchProcess):
                if psutil.Process(int(pid)).create_time() == float(started):
                    end_tree(int(pid))
        end(self.processes())

    def processes(self) -> list[psutil.Process]:
        """Airflow's processes in this home, also those that lost their parent, and the engines' that they started."""
        return self._find(lambda process: self._is_marked(process.environ()))

    def _strays(self) -> list[psutil.Process]:
        """Airflow's own processes: one that began while the others were being ended has lost its parent."""
        return self._find(lambda process: self._is_marked(own := process.environ()) and OWNER not in own)

    def _is_marked(self, environment: dict[str, str]) -> bool:
        return environment.get(MARK) == str(self.home)

    def leftovers(self) -> list[psutil.Process]:
        """Airflow's processes in this home, and the engines' that were started from it."""
        engines = str(self.home / "dcluster")
        return self.processes() + self._find(
            lambda process: any(engines in word for word in process.cmdline())
        )

    def _find(self, belongs: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if belongs(process) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:  # it has ended, or belongs to another user
                continue
        return found

    def holds_port(self) -> bool:
        """Whether something listens on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def end_tree(pid: int) -> None:
    """End a standalone: SIGINT lets it end its children in order, what is left then is terminated."""
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
        root.send_signal(signal.SIGINT)
    except psutil.NoSuchProcess:
        return
    _, left = psutil.wait_procs([root], timeout=STOP_SECONDS)
    end([process for process in tree if process in left or process.is_running()])


def end(processes: list[psutil.Process]) -> None:
    """Terminate processes, and kill those that do not follow."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=10)
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=10)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.5) -> bool:
    """Ask until the condition holds; false when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
