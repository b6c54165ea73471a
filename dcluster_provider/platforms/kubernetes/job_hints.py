"""Why jobs that go on make no progress: what is asked for it, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.engines.spark import application_name
from dcluster_provider.platforms.kubernetes.diagnosis.refusals import explain_refusal
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.pod import Pod

_EXECUTORS_SECONDS = 15.0  # between two looks at the log of a driver that has no executor
_MASTER_SECONDS = 30.0  # between two questions to a master about the applications of drivers that run
_RESTARTS_SECONDS = 120.0  # for which a restart of a Flink job is told of: it is at work in between
_STOPPED = "Successfully stopped SparkContext"


class JobHints:
    """What is known of the jobs of one connection that make no progress, by the job's id."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Diagnosis | None]] = {}
        self._ended_before: set[int] = set()

    def without_executors(self, client: ClientPod) -> Diagnosis | None:
        """Why a driver that makes its executors itself has none; none while it has, or while nothing tells."""
        pod = client.pod
        alive = [each for each in client.pods if each.role == "executor" and each.job_id == client.job.id]
        alive = [each for each in alive if not each.is_over]
        if pod is None or client.running_since is None or any(each.phase == "Running" for each in alive):
            self._known.pop(client.job.id, None)
            return None
        for each in alive:
            broken = client.why_it_cannot_start(each)
            if broken is not None:
                return broken
        if alive:
            return None
        return self._at_most_every(
            _EXECUTORS_SECONDS, client, lambda: self._by_its_log(client, pod, client.log_end(pod))
        )

    def after_application(
        self, client: ClientPod, ask_master: Callable[[], Mapping[str, Any] | None]
    ) -> Diagnosis | None:
        """Whether a driver goes on although its application on a standalone cluster has ended."""
        if client.running_since is None:
            return None

        def ask() -> Diagnosis | None:
            answer = ask_master() or {}
            ended = {each["name"] for each in answer.get("completedapps", ())}
            active = {each["name"] for each in answer.get("activeapps", ())}
            name = application_name(client.job)
            return self._main_ended(client, is_over=name in ended and name not in active)

        return self._at_most_every(_MASTER_SECONDS, client, ask)

    def lasting(self, job_id: int, found: Diagnosis | None) -> Diagnosis | None:
        """What was found of a Flink job now, or a moment ago: it is at work between two restarts."""
        now = time.monotonic()
        if found is not None:
            self._known[job_id] = (now, found)
        at, known = self._known.get(job_id, (0.0, None))
        return known if now - at < _RESTARTS_SECONDS else None

    def forget(self, job_ids: Sequence[int]) -> None:
        """Forget jobs that have ended."""
        for job_id in job_ids:
            self._known.pop(job_id, None)
            self._ended_before.discard(job_id)

    def _by_its_log(self, client: ClientPod, pod: Pod, lines: Sequence[str]) -> Diagnosis | None:
        for line in reversed(lines):
            if _STOPPED in line:
                return self._main_ended(client, is_over=True)
            refused = explain_refusal(line, pod.namespace)
            if refused is not None:
                reason, cause, remedy = refused
                return Diagnosis(
                    reason, f"The driver gets no executor: {cause}", remedy, (line.strip()[:500],)
                )
        return None

    def _main_ended(self, client: ClientPod, *, is_over: bool) -> Diagnosis | None:
        """A driver whose application was over at the last look, too: one may take a moment to end."""
        job_id = client.job.id
        was_over = job_id in self._ended_before
        (self._ended_before.add if is_over else self._ended_before.discard)(job_id)
        if not (is_over and was_over):
            return None
        pod = client.pod
        name = pod.name if pod is not None else "the driver's pod"
        return Diagnosis(
            "MainEnded",
            f"{client.what}'s Spark application has ended, and its process goes on: a thread that is no daemon, or "
            "something after spark.stop(), keeps it.",
            "Make such threads daemons, or end the program with sys.exit (System.exit); stop the job if its work is "
            f"done. kubectl exec {name} -- jstack 1 tells what it does.",
        )

    def _at_most_every(
        self, seconds: float, client: ClientPod, ask: Callable[[], Diagnosis | None]
    ) -> Diagnosis | None:
        began = client.running_since
        if began is None or (client.now - began).total_seconds() < seconds:
            return None
        at, known = self._known.get(client.job.id, (-seconds, None))
        now = time.monotonic()
        if now - at >= seconds:
            known = ask()
            self._known[client.job.id] = (now, known)
        return known
