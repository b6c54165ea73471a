"""From nothing to a ready cluster on this machine: the local platform beside the engines' own scripts, by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import psutil

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import cluster_name, fresh_key
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.engines.rest import HttpRest, NoAnswer
from dcluster_provider.platforms.local.installation.engines import LocalEngine, ensure_engine
from dcluster_provider.platforms.local.platform import LocalPlatform, LocalSettings
from dcluster_provider.platforms.local.processes.ports import HOST, free_ports

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

RUNS = 5
TIMEOUT = 180  # seconds
POLL = 0.05
SIZES = {
    "spark": {"type": "spark3", "worker_memory": "1Gi", "master_memory": "1Gi"},
    "flink": {"type": "flink", "worker_memory": "1728Mi", "master_memory": "1600Mi"},
}


def main(engines: list[str]) -> None:
    """Measure each engine, ours and theirs in turn, and print the medians."""
    from testbed.cache import engines_folder

    home = Path(tempfile.mkdtemp(prefix="dcluster-bench-"))
    settings = LocalSettings(home=home, engines_folder=engines_folder(), deployment="bench")
    print(
        f"{'engine':8} {'workers':>7} {'ours':>8} {'by hand':>8} {'ratio':>6}   (medians of {RUNS} runs, seconds)"
    )
    try:
        for engine in engines:
            installed = ensure_engine(engine, settings, print)
            by_hand = spark_by_hand if engine == "spark" else flink_by_hand
            for workers in (1, 2):
                ours, theirs = [], []
                for _ in range(RUNS):
                    ours.append(launch(LocalPlatform(settings), engine, workers))
                    theirs.append(by_hand(installed, workers))
                ratio = median(ours) / median(theirs)
                print(
                    f"{engine:8} {workers:7} {median(ours):8.2f} {median(theirs):8.2f} {ratio:6.2f}",
                    flush=True,
                )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def launch(platform: LocalPlatform, engine: str, workers: int) -> float:
    """Seconds from the request to a ready cluster, on the local platform."""
    now = datetime.now(timezone.utc)
    spec = ClusterSpec(tenant="bench", workers=workers, **SIZES[engine])
    name = cluster_name(spec.type, "bench", spec.tenant, now)
    cluster = Cluster(
        1,
        name,
        fresh_key(),
        1,
        1,
        "bench",
        "bench",
        "local",
        spec,
        None,
        ClusterState.REQUESTED,
        now,
        now,
        now,
    )
    begun = time.monotonic()
    platform.apply_cluster(cluster)
    try:
        wait(lambda: platform.observe_clusters([cluster])[1].phase is ClusterPhase.READY)
        return time.monotonic() - begun
    finally:
        platform.delete_cluster(replace(cluster))


def spark_by_hand(engine: LocalEngine, workers: int) -> float:
    """Seconds to a ready cluster with Spark's ``spark-class``, master and workers started at once."""
    port, page = free_ports(2, ())
    env = os.environ | {"SPARK_HOME": str(engine.home), "SPARK_LOCAL_IP": "127.0.0.1"}
    script = str(engine.home / "bin" / "spark-class")
    master = [script, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1"]
    master += ["--port", str(port), "--webui-port", str(page)]
    with scratch() as folder:
        worker = [
            script,
            "org.apache.spark.deploy.worker.Worker",
            "--host",
            "127.0.0.1",
            "--work-dir",
            str(folder),
        ]
        worker += ["--cores", "1", "--memory", "1024M", "--webui-port", "0", f"spark://127.0.0.1:{port}"]
        with started([master, *([worker] * workers)], env, folder) as begun:
            wait(lambda: (answer(page, "/json/") or {}).get("aliveworkers") == workers)
            return time.monotonic() - begun


def flink_by_hand(engine: LocalEngine, workers: int) -> float:
    """Seconds to a ready cluster with Flink's ``start-cluster.sh``, configured to find one another as fast."""
    rest, rpc = free_ports(2, ())
    with scratch() as folder:
        conf = folder / "conf"
        shutil.copytree(engine.home / "conf", conf)
        (conf / "workers").write_text("localhost\n" * workers)
        shipped = (conf / "config.yaml").read_text().replace("port: 6123", f"port: {rpc}")
        quick = "cluster.registration.error-delay: 500 ms\ncluster.registration.initial-timeout: 500 ms\n"
        quick += f"rest.port: {rest}\n"
        (conf / "config.yaml").write_text(shipped + "\n" + quick)
        env = os.environ | {
            "FLINK_CONF_DIR": str(conf),
            "FLINK_LOG_DIR": str(folder),
            "FLINK_PID_DIR": str(folder),
        }
        with started([[str(engine.home / "bin" / "start-cluster.sh")]], env, folder) as begun:
            wait(lambda: (answer(rest, "/overview") or {}).get("slots-total") == workers)
            return time.monotonic() - begun


@contextmanager
def started(commands: list[list[str]], env: dict[str, str], folder: Path) -> Iterator[float]:
    """Run commands at once; in the end everything that has their mark is killed."""
    env = env | {"DCLUSTER_BENCH": str(folder)}
    begun = time.monotonic()
    with (folder / "output").open("wb") as output:
        children = [subprocess.Popen(argv, env=env, stdout=output, stderr=output) for argv in commands]
    try:
        yield begun
    finally:
        for process in psutil.process_iter():
            try:
                if process.environ().get("DCLUSTER_BENCH") == str(folder):
                    process.kill()
            except psutil.Error:
                continue
        for child in children:
            child.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="dcluster-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answer(port: int, path: str) -> dict[str, object] | None:
    """What an engine answers, none while it does not."""
    try:
        found: dict[str, object] = HttpRest(HOST, port).request("GET", path)
    except NoAnswer:
        return None
    return found


def wait(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds.

    :raises TimeoutError: it does not in time.
    """
    until = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not ready within {TIMEOUT} s")
        time.sleep(POLL)


if __name__ == "__main__":
    main(sys.argv[1:] or ["spark", "flink"])
