"""Why drivers that go on make no progress: what is asked for it, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ApplicationEnd
from dcluster_provider.engines.spark.main_end import after_stop, has_begun
from dcluster_provider.engines.spark.master import application_end, find_ended_application
from dcluster_provider.platforms.kubernetes.diagnosis.admission import explain_refusal
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.logs import Line
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.spark.jobs import ids_of_applications

_EXECUTORS_SECONDS = 15.0  # between two looks at the log of a driver that has no executor
_MASTER_SECONDS = 15.0  # between two questions to a master about the applications of drivers that run
_NANOSECONDS = 10**9

Hint = Diagnosis | ApplicationEnd


class DriverHints:
    """What is known of the drivers of one connection that make no progress, by the job's id."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Hint | None]] = {}
        self._ended_at: dict[int, datetime] = {}  # since when jobs without executors have no application

    def without_executors(self, client: ClientPod) -> Hint | None:
        """Why a driver that makes its executors itself has none; none while it has, or while nothing tells."""
        pod = client.pod
        alive = [each for each in client.pods if each.role == "executor" and each.job_id == client.job.id]
        alive = [each for each in alive if not each.is_over]
        if pod is None or client.running_since is None or any(each.phase == "Running" for each in alive):
            self.forget([client.job.id])
            return None
        for each in alive:
            broken = client.why_it_cannot_start(each)
            if broken is not None:
                return broken
        if alive:
            return None
        return self._at_most_every(
            _EXECUTORS_SECONDS, client, lambda: self._by_its_log(client, pod, client.stamped_end(pod))
        )

    def after_application(
        self, client: ClientPod, ask_master: Callable[[], Mapping[str, Any] | None]
    ) -> Hint | None:
        """Whether a driver goes on although its application on a standalone cluster has ended."""
        pod = client.pod
        if pod is None or client.running_since is None:
            return None

        def ask() -> Hint | None:
            answer = ask_master()
            found = find_ended_application(answer, client.job, ids_of_applications(client, answer))
            return application_end(found, client.log_end(pod), dump_command(pod)) if found else None

        return self._at_most_every(_MASTER_SECONDS, client, ask)

    def forget(self, job_ids: Sequence[int]) -> None:
        """Forget jobs that have ended."""
        for job_id in job_ids:
            self._known.pop(job_id, None)
            self._ended_at.pop(job_id, None)

    def _by_its_log(self, client: ClientPod, pod: Pod, log: Sequence[Line]) -> Hint | None:
        lines, job_id = [text for _, text in log], client.job.id
        words = after_stop(lines)
        if words is not None:
            at, said = log[len(log) - len(words) - 1]
            self._ended_at[job_id] = datetime.fromtimestamp(at / _NANOSECONDS, timezone.utc)
            return ApplicationEnd(
                self._ended_at[job_id],
                words=tuple(words),
                evidence=(said.strip(),),
                dump_command=dump_command(pod),
            )
        for line in reversed(lines):
            refused = explain_refusal(line, pod.namespace)
            if refused is not None:
                return refused.diagnosis((line.strip()[:500],), subject="The driver gets no executor: ")
        if job_id in self._ended_at and not has_begun(lines):  # what has been printed since hides it
            return ApplicationEnd(self._ended_at[job_id], words=tuple(lines), dump_command=dump_command(pod))
        return None

    def _at_most_every(
        self, seconds: float, client: ClientPod, ask: Callable[[], Hint | None]
    ) -> Hint | None:
        began = client.running_since
        if began is None or (client.now - began).total_seconds() < seconds:
            return None
        at, known = self._known.get(client.job.id, (-seconds, None))
        now = time.monotonic()
        if now - at >= seconds:
            known = ask()
            self._known[client.job.id] = (now, known)
        return known


def dump_command(pod: Pod) -> str:
    """What has a driver write its threads to its log: it is the first process of its pod."""
    return f"kubectl exec {pod.name} --namespace {pod.namespace} -- sh -c 'kill -QUIT 1'"
