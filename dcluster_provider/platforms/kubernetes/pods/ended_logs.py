"""The logs of jobs whose pods go as soon as they have ended: kept in files for whoever reads them on this machine.

The whole log is read while the pod is there, before anything is told of the job's end. A wait passes it on as fast as
its readers take it, and is not done before it has.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dcluster_provider.core.record import Job
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.manifests.metadata import job_name
from dcluster_provider.platforms.kubernetes.pods.logs import whole_log
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.pods.stamped_log import StampedLog

_LOG = logging.getLogger(__name__)
_MAX_BYTES = (
    256 * 1024 * 1024
)  # of one log; a node keeps 10 MiB of a container's, unless it is told otherwise
_KEPT_SECONDS = 14 * 86400.0
_MAX_PLACES = 1000


class EndedLogs:
    """The logs of jobs that have ended.

    :param home: the folder below which they are kept; none means one for temporary files.
    """

    def __init__(self, api: KubernetesApi, home: Path | None) -> None:
        self._api = api
        temporary = Path(tempfile.gettempdir()) / f"dcluster-{os.getuid()}"
        self._folders = [each / "job-logs" for each in ((home, temporary) if home else (temporary,))]
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[Path, int], StampedLog] = OrderedDict()  # after what was read last

    def keep(self, job: Job, pod: Pod) -> None:
        """Read a job's log while its pod is there; it is read once.

        :raises PlatformUnavailable: it cannot be read just now.
        """
        if self._find(job) is not None:
            return
        for folder in self._folders:
            try:
                self._write(folder, job, pod)
            except OSError as error:
                _LOG.warning("The log of %s cannot be kept in %s: %s", job, folder, error)
            else:
                return

    def read(self, job: Job, start: int, most: int) -> LogPart | None:
        """A piece of a job's log after a position; none when its log is not kept here.

        :param most: bytes to read, about.
        """
        path = self._find(job)
        if path is None:
            return None
        with path.open("rb") as file:
            known = self._places.get((path, start))
            blocks = iter(lambda: file.read(65536), b"")
            if known is None:
                log = StampedLog(blocks, start)
            else:
                file.seek(known.taken)
                log = known.resumed(blocks)
            part = log.read(most)
            is_cut = log.taken < os.fstat(file.fileno()).st_size
        with self._lock:
            self._places[path, part.end] = log.resumed(iter(()))
            while len(self._places) > _MAX_PLACES:
                self._places.popitem(last=False)
        return replace(part, is_cut=is_cut, kept_at=f"{path} on {socket.gethostname()}")

    def _find(self, job: Job) -> Path | None:
        paths = (folder / _file_name(job) for folder in self._folders)
        return next((path for path in paths if path.exists()), None)

    def _write(self, folder: Path, job: Job, pod: Pod) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{secrets.token_hex(8)}"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                file.writelines(whole_log(self._api, pod, _MAX_BYTES))
            draft.rename(folder / _file_name(job))
        finally:
            draft.unlink(missing_ok=True)
        for path in _old(folder):
            path.unlink(missing_ok=True)


def _file_name(job: Job) -> str:
    return f"{job_name(job)}.log"


def _old(folder: Path) -> Iterator[Path]:
    limit = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < limit:
                yield path
        except FileNotFoundError:  # another process was first
            continue
