"""The Spark jobs of one connection, as their pods and their master tell of them, and why they make no progress.

A master is asked at most once for all its jobs, and only for what no pod tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.core.observation import ApplicationEnd, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.evidence import cause_that_decides
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer
from dcluster_provider.engines.spark.conf import Worker
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.engines.spark.main_end import after_stop, has_begun
from dcluster_provider.engines.spark.master import application_end, find_ended_application, poll_state
from dcluster_provider.platforms.kubernetes.diagnosis.admission import explain_refusal
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.pods.logs import Line
from dcluster_provider.platforms.kubernetes.pods.pod import Pod, running_master
from dcluster_provider.platforms.kubernetes.spark.jobs import (
    ids_of_applications,
    observe_on_standalone,
    observe_with_own_executors,
)

_ANY_WORKER = Worker(10**9, 10**9)  # nobody knows what its workers offer, so nothing is too large
_REGISTERED = "Registered executor NettyRpcEndpointRef"
_EXECUTORS_SECONDS = 15.0  # between two looks at the log of a driver that has no executor
_MASTER_SECONDS = 15.0  # between two questions to a master about the applications of drivers that run
_NANOSECONDS = 10**9
Hint = Diagnosis | ApplicationEnd


class SparkJobObserver:
    """See :class:`~dcluster_provider.platforms.kubernetes.pod_engine.EngineJobs`."""

    def __init__(self, sources: JobSources) -> None:
        self._sources = sources
        self._hints = DriverHints()

    def observe(
        self, jobs: Sequence[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        """Each job by its driver's pod, and by the master as far as that does not tell."""
        clients = [self._sources.client_of(job, cluster, pods) for job in jobs]
        if self._sources.settings.makes_own_executors(cluster.spec):
            return {
                client.job.id: self._with_hint(
                    client, observe_with_own_executors(client), self._hints.without_executors
                )
                for client in clients
            }
        observe, ask_master = self._on_standalone(cluster, pods)
        return {
            client.job.id: self._with_hint(
                client, observe(client), lambda client: self._hints.after_application(client, ask_master)
            )
            for client in clients
        }

    def _on_standalone(
        self, cluster: Cluster, pods: Sequence[Pod]
    ) -> tuple[Callable[[ClientPod], JobObservation], Callable[[], dict[str, Any] | None]]:
        """How jobs on the cluster are observed, and how its master is asked, which happens once."""

        @cache
        def ask_master() -> dict[str, Any] | None:
            return poll_state(self._sources.rest_of(cluster))

        def read_page(path: str) -> str:
            try:
                return self._sources.rest_of(cluster).text(path)
            except (NoAnswer, ErrorResponse):
                return ""

        worker, master = Worker.of(cluster.spec), running_master(pods)

        def observe(client: ClientPod) -> JobObservation:
            if cluster.is_external:
                return observe_on_external(client, cluster.master_url, ask_master)
            return observe_on_standalone(client, worker, master, ask_master, read_page)

        return observe, ask_master

    def _with_hint(
        self, client: ClientPod, seen: JobObservation, why: Callable[[ClientPod], Hint | None]
    ) -> JobObservation:
        """What was observed of a job that goes on, with why it makes no progress, if it does not."""
        if seen.phase in {JobPhase.PENDING, JobPhase.RUNNING}:
            found = why(client)
            if isinstance(found, ApplicationEnd):
                return replace(seen, phase=JobPhase.RUNNING, application_end=found)
            return replace(seen, hint=seen.hint or found)
        self._hints.forget([client.job.id])
        return seen


def observe_on_external(
    client: ClientPod, url: str, ask_master: Callable[[], dict[str, Any] | None]
) -> JobObservation:
    """A job on a standalone cluster that somebody else runs.

    :param url: of the master.
    :param ask_master: asks the master, which may answer drivers and not us; the driver's log then tells of its
        executors.
    """
    seen = observe_on_standalone(client, _ANY_WORKER, None, ask_master)
    is_up = client.pod is not None and client.running_since is not None
    if seen.phase is JobPhase.PENDING and is_up and ask_master() is None:
        assert client.pod is not None
        if _REGISTERED in client.log_head(client.pod):
            return JobObservation(JobPhase.RUNNING)
    if client.pod is not None and seen.diagnosis is not None and _may_follow(seen.diagnosis.code):
        # Its last lines do not tell: a driver that finds no master goes on for a while before it ends.
        known = cause_that_decides(client.log_head(client.pod).splitlines())
        if known is not None and known.code == SparkCode.MASTER_LOST:
            return replace(seen, diagnosis=_master_lost(url, known.text))
    return seen


def _may_follow(code: DiagnosisCode) -> bool:
    """Whether a driver that reaches no master may end so."""
    return code.is_generic or code.is_unreachable


def _master_lost(url: str, line: str) -> Diagnosis:
    return Diagnosis(
        SparkCode.MASTER_LOST,
        f"The driver's pod could not reach the Spark master at {url}.",
        "Correct the address of master in the connection's external_clusters, or find out why the master is not there "
        "or not reached from pods; then run the job again.",
        (line.strip(),),
    )


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
