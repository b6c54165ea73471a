"""The end of a cluster: every process of it, then its folder; and of old logs. Each step can be repeated."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.platforms.local.files import locked, locked_if_free, mark
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan, read_plan
from dcluster_provider.platforms.local.processes.process import Process
from dcluster_provider.platforms.local.processes.termination import census, end

_GRACE = 1.0  # seconds that the processes of a cluster have to leave by themselves
_LEFTOVER_SECONDS = 3600
_ENDED = Diagnosis(
    ClusterCode.ENDED,
    "The cluster has ended or its end was asked for, and nothing can be started on it any more.",
    "Launch another cluster.",
)


@contextmanager
def while_not_ended(place: ClusterPlace, subject: str) -> Iterator[None]:
    """Keep a cluster from ending while something of it is started.

    :param subject: what is started, for the message.
    :raises PlatformRefused: its end was asked for.
    """
    with locked(place.lock):
        if place.ended.exists():
            raise PlatformRefused(subject, _ENDED)
        yield


def existing_plan(place: ClusterPlace, subject: str) -> ClusterPlan:
    """The plan of a cluster that exists.

    :raises PlatformRefused: it does not.
    """
    plan = read_plan(place)
    if plan is None:
        raise PlatformRefused(subject, _ENDED)
    return plan


def end_cluster(place: ClusterPlace) -> bool:
    """End a cluster for good.

    :returns: whether nothing of it is left but its logs.
    """
    with locked(place.lock):
        try:
            mark(place.ended)
        except OSError:  # a full disk: what fills it most goes first
            end(_processes(place), _GRACE)
            shutil.rmtree(place.work, ignore_errors=True)
            mark(place.ended)
        return _advance(place)


def go_on(place: ClusterPlace) -> bool:
    """Go on with an end that was asked for and may have been interrupted.

    :returns: whether nothing of the cluster is left but its logs.
    """
    if is_gone(place):
        return True
    with locked_if_free(place.lock) as free:
        return free and _advance(place)


def is_gone(place: ClusterPlace) -> bool:
    """Whether neither the cluster's folder nor any process of it exists."""
    return not place.folder.exists() and not any(_belongs(place, folder) for folder in census())


def prune(home: Path, keep_days: float) -> None:
    """Remove the logs of clusters that ended long ago, and what interrupted removals left."""
    now = time.time()
    for leftover in (home / "clusters").glob(".*"):
        if _age(leftover, now) > _LEFTOVER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    for ended in (home / "logs").glob("*/ended"):
        place = ClusterPlace(home, ended.parent.name)
        if _age(ended, now) > keep_days * 86400 and not place.folder.exists():
            shutil.rmtree(place.logs, ignore_errors=True)


def _advance(place: ClusterPlace) -> bool:
    if not end(_processes(place), _GRACE):
        return False
    for job in place.jobs():
        (job.folder / "command.json").unlink(missing_ok=True)  # of one that never began: it may hold secrets
    removed = place.folder.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        place.folder.rename(removed)  # gone at once, however long the removal takes
    except FileNotFoundError:
        return True
    shutil.rmtree(removed, ignore_errors=True)
    return True


def _processes(place: ClusterPlace) -> list[Process]:
    """The jobs' processes first: a driver that is told to end before its cluster says so in its log."""
    folders = {job.folder: None for job in place.jobs()}
    folders |= dict.fromkeys(sorted((place.folder / "processes").glob("*")))
    folders |= {
        folder: None for folder in census() if _belongs(place, folder)
    }  # their folders may have been removed
    return [Process(folder) for folder in folders]


def _belongs(place: ClusterPlace, folder: Path) -> bool:
    return folder.is_relative_to(place.folder) or folder.is_relative_to(place.logs)


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except OSError:
        return 0.0
