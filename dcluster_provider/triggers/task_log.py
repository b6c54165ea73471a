"""The lines about clusters and jobs in a task's log, and whether those of a trigger have all reached it.

Triggers run in a process of their own, which writes its log lines to a socket. The triggerer closes a trigger's log
file as soon as it hears, by another socket, that the trigger has ended, and drops the lines that it reads after that.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import struct
import sys
import termios
import time
from weakref import WeakKeyDictionary

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState

_POLL_SECONDS = 0.05
_READ_SECONDS = 1.0  # in which the triggerer has probably read what cannot be observed
_GIVE_UP_SECONDS = 300.0
# As the system counts, a short line takes 768 bytes and a socket 208 KiB; a batch of 100 lines fits above this.
_ROOM = 64 * 1024
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def describe_launch(cluster: Cluster) -> str:
    """A launched cluster: its type, platform and size."""
    spec = cluster.spec
    plural = "s" if spec.workers > 1 else ""
    workers = f"{spec.workers} worker{plural} of {spec.worker_cpu} CPU and {spec.worker_memory}"
    return f"{cluster}: {spec.type} on the {cluster.platform} platform, {workers}, generation {cluster.generation}"


def describe_submission(job: Job) -> str:
    """A submitted job: its application and cluster."""
    whose = "its own cluster" if job.owns_cluster else "cluster"
    return f"{job}: {job.spec.application or 'SQL'} on {whose} {job.cluster_id}, generation {job.generation}"


def is_news(before: Cluster | Job | None, after: Cluster | Job) -> bool:
    """Whether a change is worth a log line: the state differs, or why there is no progress."""
    if before is None or before.state is not after.state:
        return True
    return after.diagnosis is not None and after.diagnosis != before.diagnosis


def describe_change(before: Cluster | Job | None, after: Cluster | Job) -> str:
    """A change of state with its time, and the facts that became known with it.

    Of a failure it shows the cause alone: the error that ends the wait has the evidence and the remedy.
    """
    at = after.state_since.strftime("%H:%M:%S")
    if before is not None:
        took = f" after {(after.state_since - before.state_since).total_seconds():.1f} s"
    else:
        took = f" {(after.state_since - after.created_at).total_seconds():.1f} s after its request"
    if before is not None and before.state is after.state and after.diagnosis is not None:
        return f"{after}: {after.state.value}, and makes no progress:\n{after.diagnosis.render()}"
    came_from = f"{before.state.value} -> " if before else ""
    return f"{at}Z {after}: {came_from}{after.state.value}{took}{_known(after)}"


def _known(record: Cluster | Job) -> str:
    if record.diagnosis is not None:
        return f": {record.diagnosis.cause} [{record.diagnosis.code}]"
    return _known_of_job(record) if isinstance(record, Job) else _known_of_cluster(record)


def _known_of_job(job: Job) -> str:
    if job.savepoint_requested:
        return ", with a savepoint"
    if job.state is JobState.RUNNING and job.savepoint_failure is not None:
        return f"\n{job.savepoint_failure.render()}"
    savepoint = f", savepoint {job.savepoint}" if job.savepoint else ""
    code = f", exit code {job.exit_code}" if job.exit_code is not None else ""
    page = f", page {job.ui_url}" if job.state is JobState.RUNNING and job.ui_url else ""
    return savepoint + code + page


def _known_of_cluster(cluster: Cluster) -> str:
    if cluster.state is ClusterState.RUNNING:
        return f", {cluster.workers_ready} workers at {cluster.master_url}, page {cluster.ui_url}"
    if cluster.state in (ClusterState.PROVISIONING, ClusterState.DEGRADED):
        return f", {cluster.workers_ready} of {cluster.spec.workers} workers"
    return ""


def turn() -> asyncio.Lock:
    """The lock of the one wait of this event loop that logs many lines, or waits until they are read."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def wait_until_read() -> None:
    """Wait until the triggerer has read every line logged so far, however busy it is; for five minutes at most.

    Where that cannot be observed, wait for a second.
    """
    if _unread_bytes() is None:
        await asyncio.sleep(_READ_SECONDS)
        return
    async with turn():
        await _wait_until_at_most(0)


async def wait_for_room() -> None:
    """Wait until another hundred lines can be logged: a full socket would block the event loop."""
    await _wait_until_at_most(_ROOM)


async def _wait_until_at_most(size: int) -> None:
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while (_unread_bytes() or 0) > size and time.monotonic() < give_up_at:  # noqa: ASYNC110  # the system tells nobody
        await asyncio.sleep(_POLL_SECONDS)


def _unread_bytes() -> int | None:
    """What the system keeps of log lines until they are read; none where they do not go to a socket of Linux."""
    if sys.platform != "linux":
        return None
    for handler in logging.getLogger().handlers:
        try:
            channel = handler.stream.fileno()  # type: ignore[attr-defined]
            (size,) = struct.unpack("i", fcntl.ioctl(channel, termios.TIOCOUTQ, bytes(struct.calcsize("i"))))
        except (AttributeError, OSError, ValueError):
            continue
        return int(size)
    return None
