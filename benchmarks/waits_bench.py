"""What 300 deferred waits cost a triggerer: threads, memory, and calls to registry and engine for each look.

A real Spark cluster runs one real job; 300 triggers wait for it on one event loop, as in a triggerer's process.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

WAITS = 300
SECONDS = 20
POLL_INTERVAL = 1.0
APPLICATION = (
    "import time\nfrom pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate()\ntime.sleep(600)\n"
)


def main() -> None:
    """Run the cluster and the job, wait for them 300 times, and print what it cost."""
    from testbed.cache import engines_folder

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__DCLUSTER__HOME": str(Path(folder) / "dcluster"),
            "AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder()),
            "_AIRFLOW_PROCESS_CONTEXT": "server",
            # So many waits of one job tell the same so many times.
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "dcluster_provider.triggers=WARNING",
        }
        application = Path(folder) / "waits.py"
        application.write_text(APPLICATION)
        measure(application)


def measure(application: Path) -> None:
    """Print a line for the process before, and one with the waits."""
    from dcluster_provider.core.record import JobState
    from dcluster_provider.hooks.dcluster import DClusterHook

    hook = DClusterHook()
    cluster = hook.clusters.launch({"tenant": "bench", "workerMemory": "1Gi"}, report=print)
    try:
        hook.clusters.wait(cluster.id, timeout=120)
        spec = {
            "client": "bench",
            "module": "waits",
            "clusterId": cluster.id,
            "application": str(application),
        }
        job = hook.jobs.submit(spec)
        hook.jobs.wait(job.id, (JobState.RUNNING,), timeout=120)
        asyncio.run(wait_and_count(job.id))
    finally:
        hook.clusters.terminate(cluster.id)


async def wait_and_count(job_id: int) -> None:
    """Start the waits, let them wait, and count."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from dcluster_provider.triggers.dcluster import JobTrigger

    counts = {"statements": 0, "requests": 0}

    def count_statement(*_: object) -> None:
        counts["statements"] += 1

    event.listen(Engine, "before_cursor_execute", count_statement)
    send = http.client.HTTPConnection.request

    def count_request(*args: object, **kwargs: object) -> None:
        counts["requests"] += 1
        send(*args, **kwargs)  # type: ignore[arg-type]

    http.client.HTTPConnection.request = count_request  # type: ignore[method-assign]
    print(f"{'':<12} {'threads':>8} {'MiB':>8} {'statements':>11} {'requests':>9} {'CPU s':>7}")
    show("no wait", counts, 0.0)
    triggers = [
        JobTrigger("dcluster_default", job_id, ["SUCCEEDED"], POLL_INTERVAL, log_start=0)
        for _ in range(WAITS)
    ]
    waits = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
    await asyncio.sleep(5)
    counts.update(statements=0, requests=0)
    cpu, began = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    used, passed = time.process_time() - cpu, time.monotonic() - began
    show(f"{WAITS} waits", counts, used)
    looks = passed / POLL_INTERVAL
    print(
        f"in {passed:.0f} s, about {looks:.0f} looks: {counts['statements'] / looks:.1f} statements and "
        f"{counts['requests'] / looks:.1f} requests a look, "
        f"{60 * (counts['statements'] + counts['requests']) / passed / WAITS:.2f} calls a minute and wait"
    )
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def show(name: str, counts: dict[str, int], cpu: float) -> None:
    """A line of the table."""
    import psutil

    memory = psutil.Process().memory_full_info().pss / 2**20
    print(
        f"{name:<12} {threading.active_count():>8} {memory:>8.1f} "
        f"{counts['statements']:>11} {counts['requests']:>9} {cpu:>7.2f}"
    )


if __name__ == "__main__":
    main()
