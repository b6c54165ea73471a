"""The last lines of jobs whose pods go as soon as they have ended, kept for whoever reads the log in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict

from dcluster_provider.core.record import Job
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.api import KubernetesApi
from dcluster_provider.platforms.kubernetes.pod import Pod
from dcluster_provider.platforms.kubernetes.pod_logs import Line, read_last_lines

_MOST_JOBS = 200
_MOST_LINES = 3000


class EndedLogs:
    """The ends of the logs of jobs that have ended lately."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], list[Line]] = OrderedDict()

    def keep(self, job: Job, pod: Pod) -> None:
        """Read the end of a job's log while its pod is there; it is read once.

        :raises PlatformUnavailable: it cannot be read just now.
        """
        name = (job.key, job.generation)
        with self._lock:
            if name in self._kept:
                return
        lines = read_last_lines(self._api, pod, _MOST_LINES)
        with self._lock:
            self._kept[name] = lines
            while len(self._kept) > _MOST_JOBS:
                self._kept.popitem(last=False)

    def read(self, job: Job, start: int) -> LogPart | None:
        """Everything kept of a job's log after a position; none when nothing of it is kept."""
        with self._lock:
            kept = self._kept.get((job.key, job.generation))
        if kept is None:
            return None
        lines = [line for line in kept if line[0] > start]
        return LogPart("".join(f"{text}\n" for _, text in lines), lines[-1][0] if lines else start)
