"""Submits a job and waits for it, and kills itself at one of the requests that change something.

Usage: python -m tests.live.kubernetes.killed_submission PLAN, a JSON object as :func:`plan` writes it. It prints the
requests that it made, one a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connections import settings_for_kubernetes
from hanging import HANG_SECONDS
from kubernetes.config import new_client_from_config

from dcluster_provider.control.connect import connect
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.control.settings import Settings
from dcluster_provider.core.record import JobState
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

ENDED = tuple(state for state in JobState if state.is_final)


def plan(
    home: Path,
    kubeconfig: Path,
    settings: KubernetesSettings,
    spec: dict[str, Any],
    key: str,
    *,
    external: ExternalCluster | None = None,
) -> dict[str, Any]:
    """What to submit, and through which connection."""
    fields, known = settings.model_dump(mode="json"), [asdict(external)] if external else []
    wanted = {"home": str(home), "kubeconfig": str(kubeconfig), "settings": fields, "spec": spec, "key": key}
    return wanted | {"external": known}


def settings_of(
    home: Path, kubernetes: KubernetesSettings, external: tuple[ExternalCluster, ...] = ()
) -> Settings:
    """The settings of whoever submits, and of whoever goes on."""
    return settings_for_kubernetes(home, kubernetes, conn_id="kubernetes-tests", external_clusters=external)


def kill_at(number: int, when: str) -> None:
    """Have this process killed before the n-th request that changes something is sent, or after it was answered."""
    count, lock, original = 0, threading.Lock(), KubernetesApi.stream

    @contextmanager
    def stream(self: KubernetesApi, method: str, path: str, **rest: Any) -> Iterator[Any]:
        nonlocal count
        if method == "GET":
            with original(self, method, path, **rest) as response:
                yield response
            return
        with lock:
            count += 1
            mine = count
        if (mine, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        with original(self, method, path, **rest) as response:
            yield response
        print(method, path.split("/namespaces/")[1].split("/")[1], flush=True)
        if (mine, when) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    KubernetesApi.stream = stream  # type: ignore[method-assign]


def main(wanted: dict[str, Any]) -> None:
    """Submit, and wait for the end."""
    kill_at(wanted["number"], wanted["when"])
    external = tuple(ExternalCluster(**each) for each in wanted["external"])
    settings = settings_of(Path(wanted["home"]), KubernetesSettings(**wanted["settings"]), external)
    control = connect(settings, {"kubernetes": lambda _: new_client_from_config(wanted["kubeconfig"])})
    job = control.jobs.submit(wanted["spec"], wanted["key"])
    control.jobs.wait(job.id, ENDED, timeout=HANG_SECONDS, poll_interval=0.3)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
