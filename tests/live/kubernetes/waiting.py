"""A job that is waited for as deferred tasks wait, by triggers on an event loop."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanging import HANG_SECONDS

from dcluster_provider.control.connect import Control
from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.record import Job
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.triggers.dcluster import ClusterTrigger, JobTrigger
from tests.live.kubernetes.conftest import ENDED, GONE, Bench

CONN_ID = "dcluster_faults"
POLL_SECONDS = 5.0
_FINAL = tuple(state.value for state in ENDED)
APPLICATION = Path(__file__).parents[1] / "applications" / "until_released.py"


def connections(bench: Bench, kubeconfig: Path | None = None, **fields: Any) -> dict[str, str]:
    """The connections as environment variables.

    :param kubeconfig: in place of Airflow's own.
    :param fields: of the dcluster connection.
    """
    extra = bench.connection.extra | {"kubernetes_conn_id": "faults", "home": str(bench.home)} | fields
    kubernetes = {"kube_config_path": str(kubeconfig or bench.connection.kubeconfig)}
    return {
        "_AIRFLOW_PROCESS_CONTEXT": "server",
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps({"conn_type": "dcluster", "extra": extra}),
        "AIRFLOW_CONN_FAULTS": json.dumps({"conn_type": "kubernetes", "extra": kubernetes}),
    }


@dataclass(frozen=True)
class RunningJob:
    """A job at work with executors of its own, which ends when it is released."""

    bench: Bench
    key: str
    job_id: int

    @classmethod
    async def start(cls, bench: Bench) -> RunningJob:
        """Submit it and wait until it works."""
        folder, key = bench.connection.folder, fresh_key()
        shutil.copy(APPLICATION, folder)
        spec = {
            "client": "team",
            "module": key,
            "application": f"local://{folder}/{APPLICATION.name}",
            "args": [key],
            "driverMemGb": 0.5,
            "workerMemGb": 0.5,
            "numWorkers": 1,
        }
        job = await asyncio.to_thread(lambda: control().jobs.submit(spec, key))
        started = cls(bench, key, job.id)
        assert await started.until("RUNNING") == "RUNNING"
        return started

    def release(self) -> None:
        """Let it end."""
        (self.bench.connection.folder / f"{self.key}.go").touch()

    async def until(self, *states: str) -> str:
        """Wait for it as a deferred task does; gives its state."""
        return await state_at(JobTrigger(CONN_ID, self.job_id, states or _FINAL, POLL_SECONDS, log_start=0))

    def check(self) -> None:
        """It ran once, as one job, on one cluster, of which nothing is left."""
        used = control()
        assert (self.bench.connection.folder / f"{self.key}.ran").read_text() == "ran\n"
        jobs: list[Job] = [job for job in used.jobs.list() if job.key == self.key]
        assert [job.id for job in jobs] == [self.job_id]
        own = derived_key(self.key, "the job's own cluster")
        (cluster,) = [each for each in used.clusters.list() if each.key == own]
        used.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.5)
        assert not [left for left in self.bench.left() if cluster.name in left]


def control() -> Control:
    """The use cases that operators and triggers use."""
    return DClusterHook(CONN_ID).control


async def cluster_runs(cluster_id: int) -> str:
    """Wait for a cluster as a deferred task does; gives its state."""
    return await state_at(ClusterTrigger(CONN_ID, cluster_id, ["RUNNING"], POLL_SECONDS))


async def state_at(trigger: ClusterTrigger | JobTrigger) -> str:
    """The state that a trigger's event tells."""
    events = trigger.run()
    event = await asyncio.wait_for(anext(events), HANG_SECONDS)
    await events.aclose()
    return str(event.payload["state"])
