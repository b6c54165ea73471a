"""Tasks that the triggerer has resumed, on a Kubernetes that must not be asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connections import settings_for_kubernetes

from dcluster_provider.control.connect import connect
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.platforms.kubernetes.diagnosis.requests import RequestCode
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

BROKEN = Diagnosis(LogCode.OUT_OF_MEMORY, "It was killed.", "Give it more.")
_CONTEXT = {"ti": SimpleNamespace(try_number=1, max_tries=1), "task": SimpleNamespace(retries=1)}


class ResumedTasks:
    """A registry with a cluster that runs and a job on it, and the tasks that waited for them.

    :param folder: of the registry and of the job's application.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings = settings_for_kubernetes(folder, KubernetesSettings(), conn_id="data")
        self._control = connect(self._settings, {"kubernetes": _no_client})

    @cached_property
    def cluster(self) -> Cluster:
        requested = self._control.clusters.request({"tenant": "team", "workers": 1})
        running = replace(requested, state=ClusterState.RUNNING, state_since=datetime.now(timezone.utc))
        return self._control.registry.clusters.save(running)

    @cached_property
    def job(self) -> Job:
        application = self._folder / "application.py"
        application.write_text("pass")
        spec = {
            "client": "team",
            "module": "m",
            "cluster_id": self.cluster.id,
            "application": str(application),
        }
        return self._control.jobs.request(spec)

    def now(self, record: Any, state: ClusterState | JobState, diagnosis: Diagnosis | None = None) -> Any:
        """What the triggerer has saved of the cluster or job."""
        after = replace(record, state=state, diagnosis=diagnosis)
        if isinstance(state, JobState):
            return self._control.registry.jobs.save(after)
        return self._control.registry.clusters.save(after)

    def resume(self, operator: Any, record: Any, **event: Any) -> Any:
        """Go on with an operator or sensor after an event of its trigger."""
        operator.hook = SimpleNamespace(
            settings=self._settings,
            clusters=self._control.clusters,
            jobs=self._control.jobs,
            upkeep=SimpleNamespace(notify_failure=print),
        )
        found = {"cause": "state", "id": record.id, "log_end": 12, "log_is_cut": False, "lines": []}
        return operator.execute_complete(_CONTEXT, found | event)


def _no_client(conn_id: str) -> None:
    raise PlatformRefused(conn_id, Diagnosis(RequestCode.FORBIDDEN, "Kubernetes was asked.", "Do not."))
