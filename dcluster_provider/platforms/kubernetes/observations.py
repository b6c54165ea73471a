"""What pods and events say of a cluster, and what the Kubernetes Job and the pod of a driver or client say of a job."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.platforms.kubernetes.diagnosis import (
    GracePeriods,
    broken_pod,
    ended_pod,
    gated,
    refused_pods,
    silent_node,
    taken_away,
)
from dcluster_provider.platforms.kubernetes.diagnosis.ending import EndCode
from dcluster_provider.platforms.kubernetes.diagnosis.queueing import held_job
from dcluster_provider.platforms.kubernetes.manifests.metadata import VERDICT, job_name
from dcluster_provider.platforms.kubernetes.pods.logs import Line
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, Pod

_MISSING = timedelta(seconds=5)  # pods that are not there by then are asked after
_STARTING = timedelta(seconds=15)  # and pods that have not begun by then, or for which there is no node
_LATE = timedelta(seconds=15)
# A node that answers has ended a pod by the time that its deletion sets, and told of it soon after.
_NODE_PATIENCE = timedelta(seconds=60)
_RESOLUTION = timedelta(seconds=1)  # of the times that Kubernetes tells

Events = Callable[[str], Sequence[KubernetesEvent]]


@dataclass(frozen=True)
class Addresses:
    """Where a cluster is reached."""

    master_url: str
    ui_url: str


@dataclass(frozen=True)
class ClusterView:
    """The pods of a standalone or session cluster at one moment.

    :param events: asks for the warnings about objects whose names begin so.
    """

    cluster: Cluster
    pods: Sequence[Pod]
    events: Events
    grace_periods: GracePeriods
    now: datetime

    def observe(self, addresses: Addresses) -> ClusterObservation:
        """The cluster as it is; something of it exists."""
        ready = sum(pod.ready and not pod.deleting for pod in self._of("worker"))
        failure = self._failure()
        phase = ClusterPhase.STARTING
        if failure is not None:
            phase = ClusterPhase.BROKEN
        elif ready >= self.cluster.spec.workers and any(
            pod.ready and not pod.deleting for pod in self._of("master")
        ):
            phase = ClusterPhase.READY
        hint = self._why_it_waits() if phase is ClusterPhase.STARTING else None
        return ClusterObservation(phase, addresses.master_url, addresses.ui_url, ready, failure, hint)

    def _why_it_waits(self) -> Diagnosis | None:
        waiting = (gated(pod) for role in ("master", "worker") for pod in self._of(role))
        return next(filter(None, waiting), None) or self._broken("worker", self.cluster.spec.workers)

    def _of(self, role: str) -> list[Pod]:
        return [pod for pod in self.pods if pod.role == role and not pod.is_over]

    def _failure(self) -> Diagnosis | None:
        """Why the cluster cannot become or stay usable by itself; none when it can."""
        master = self._broken("master", 1)
        if master is not None:
            return master
        workers = self._of("worker")
        standing = [pod for pod in workers if pod.ready]
        if self.cluster.state.takes_jobs and standing:
            return None  # some are at work, and the others may come back
        return self._broken("worker", self.cluster.spec.workers)

    def _broken(self, role: str, wanted: int) -> Diagnosis | None:
        pods = self._of(role)
        for pod in pods:
            events = self.events(pod.name) if self._is_late(pod) else ()
            found = broken_pod(pod, self.now, self.grace_periods, events)
            if found is not None:
                return found
        if len(pods) < wanted and self.now - self.cluster.state_since > _MISSING:
            return refused_pods(self.events(f"{self.cluster.name}-{role}"), self.now, self.grace_periods)
        return None

    def _is_late(self, pod: Pod) -> bool:
        engine = pod.engine
        has_begun = engine is not None and (engine.running_since is not None or engine.restarts > 0)
        return not has_begun and (bool(pod.unschedulable) or self.now - pod.created_at > _STARTING)


@dataclass(frozen=True)
class ClientPod:
    """The pod of a job's driver or client at one moment.

    :param what: the process in words that begin a sentence.
    :param find_job: asks for the Kubernetes Job; only when there is no pod.
    :param log_head: asks for the beginning of a pod's log.
    :param log_end: asks for the end of a pod's log, in which the cause of a failure is looked for.
    :param stamped_end: asks for the same with the time of each line.
    """

    job: Job
    pods: Sequence[Pod]
    what: str
    find_job: Callable[[], dict[str, Any] | None]
    events: Events
    log_head: Callable[[Pod], str]
    grace_periods: GracePeriods
    now: datetime
    log_end: Callable[[Pod], Sequence[str]] = lambda _: ()
    stamped_end: Callable[[Pod], Sequence[Line]] = lambda _: ()

    @property
    def pod(self) -> Pod | None:
        """The pod itself; none before there is one and after it has gone."""
        own = [pod for pod in self.pods if pod.job_id == self.job.id and pod.role in {"driver", "client"}]
        return max(own, key=lambda pod: pod.created_at) if own else None

    @property
    def running_since(self) -> datetime | None:
        """When the process began; none when it does not run."""
        pod = self.pod
        return pod.engine.running_since if pod is not None and pod.engine is not None else None

    @property
    def begun_by(self) -> datetime | None:
        """A moment at which the process had begun, which may have ended since; none before it did."""
        pod = self.pod
        began = pod.engine.began_at if pod is not None and pod.engine is not None else None
        return began + _RESOLUTION if began else None

    @property
    def ended_at(self) -> datetime | None:
        """When the process ended; none while it runs, and when its pod is not there."""
        pod = self.pod
        return pod.engine.finished_at if pod is not None and pod.engine is not None else None

    def observe(self) -> JobObservation | None:
        """The job as its process alone tells it; none while that runs."""
        pod = self.pod
        if pod is None:
            return self._without_pod()
        engine = pod.engine
        code = engine.exit_code if engine else None
        # Its containers beside the engine's may fail or live on: they do not decide.
        if pod.phase == "Succeeded" or (code == 0 and taken_away(pod) is None):
            return JobObservation(JobPhase.SUCCEEDED, exit_code=0)
        if pod.phase == "Failed" or code is not None:
            return self._judged(pod) or JobObservation(
                JobPhase.FAILED, exit_code=code, diagnosis=self.why_it_ended(pod, self.what)
            )
        if pod.phase == "Running":
            is_lost = pod.gone_by is not None and self.now - pod.gone_by > _NODE_PATIENCE
            return JobObservation(JobPhase.LOST, diagnosis=silent_node(pod, self.what)) if is_lost else None
        broken = self.why_it_cannot_start(pod)
        phase = JobPhase.FAILED if broken else JobPhase.PENDING
        return JobObservation(phase, diagnosis=broken, hint=gated(pod))

    def why_it_ended(self, pod: Pod, what: str) -> Diagnosis:
        """Why a pod of the job failed, by its log as far as that is there.

        :param what: the pod in words that begin a sentence.
        """
        return ended_pod(pod, what, self.log_end(pod))

    def why_it_cannot_start(self, pod: Pod) -> Diagnosis | None:
        """Why a pod of the job will not come up; none while it may. Events are asked for once it is late."""
        late = self.now - pod.created_at > _LATE
        return broken_pod(pod, self.now, self.grace_periods, self.events(pod.name) if late else ())

    def _judged(self, pod: Pod) -> JobObservation | None:
        """The judgement for which a pod was ended; none when it ended by itself."""
        found = self.find_job() if pod.deleting else None
        return _verdict(found) if found is not None else None

    def _without_pod(self) -> JobObservation:
        found = self.find_job()
        if found is None:
            return JobObservation(JobPhase.ABSENT)
        conditions = {
            condition["type"]: condition
            for condition in found.get("status", {}).get("conditions") or ()
            if condition["status"] == "True"
        }
        if "Complete" in conditions:
            return JobObservation(JobPhase.SUCCEEDED, exit_code=0)
        queue_name = (found["metadata"].get("labels") or {}).get("kueue.x-k8s.io/queue-name")
        if found["spec"].get("suspend") and queue_name and self.job.state is not JobState.STOPPING:
            verdict = _verdict(found)  # without one it was not suspended by us
            return verdict or JobObservation(JobPhase.PENDING, hint=held_job(queue_name))
        if found["spec"].get("suspend"):
            return _verdict(found) or JobObservation(JobPhase.KILLED)
        if "Failed" in conditions:
            return JobObservation(JobPhase.FAILED, diagnosis=_pod_gone(self.what, conditions["Failed"]))
        refusal = refused_pods(self.events(job_name(self.job)), self.now, self.grace_periods)
        return JobObservation(JobPhase.FAILED if refusal else JobPhase.PENDING, diagnosis=refusal)


def verdict_annotation(seen: JobObservation) -> str:
    """A judgement on a job whose pod the platform ends for it; it outlives what it was made from."""
    judged: dict[str, Any] = {"phase": seen.phase.value, "exitCode": seen.exit_code}
    return json.dumps(judged | (seen.diagnosis.as_json() if seen.diagnosis else {}))


def _verdict(found: dict[str, Any]) -> JobObservation | None:
    stored = (found["metadata"].get("annotations") or {}).get(VERDICT)
    if not stored:
        return None
    judged = json.loads(stored)
    phase = JobPhase(judged.pop("phase", JobPhase.FAILED.value))
    code = judged.pop("exitCode", None)
    return JobObservation(phase, exit_code=code, diagnosis=Diagnosis.from_json(judged) if judged else None)


def _pod_gone(what: str, condition: dict[str, Any]) -> Diagnosis:
    return Diagnosis(
        EndCode.POD_DELETED,
        f"{what}'s pod was deleted while it ran, so its exit code is not known.",
        "Find out who deleted it (a node that was drained or lost, or a person), then run the job again.",
        (f"{condition.get('reason', '')}: {condition.get('message', '')}",),
    )
