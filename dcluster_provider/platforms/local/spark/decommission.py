"""A Spark worker of this machine that leaves its cluster, as Spark's own decommissioning has it.

Its executors finish their tasks and give their blocks to others: https://spark.apache.org/docs/latest/configuration.html,
``spark.decommission.enabled``.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from dcluster_provider.platforms.local.files import mark
from dcluster_provider.platforms.local.processes.process import Process
from dcluster_provider.platforms.local.processes.termination import census, end

_SECONDS = 120.0  # that its executors have
_GRACE = 1.0
_WORKER, _EXECUTOR = "org.apache.spark.deploy.worker.Worker", "CoarseGrainedExecutorBackend"


def decommission(workers: Iterable[Process]) -> None:
    """Tell workers to leave, and end each once it has no executor any more, or has taken too long."""
    members = census()
    over = []
    for worker in workers:
        told, own = worker.folder / "decommissioned", members.get(worker.folder, [])
        if own and not told.exists():
            for each in _running(own, _WORKER):
                with suppress(psutil.Error):
                    each.send_signal(signal.SIGPWR)
            mark(told)  # its executors hear of it from the driver
        elif not _running(own, _EXECUTOR) or _age(told) > _SECONDS:
            over.append(worker)
    if over:
        end(over, _GRACE)


def _running(members: Iterable[psutil.Process], main: str) -> list[psutil.Process]:
    found = []
    for each in members:
        with suppress(psutil.Error):
            if any(main in word for word in each.cmdline()):
                found.append(each)
    return found


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
