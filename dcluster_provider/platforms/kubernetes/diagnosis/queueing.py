"""Why a cluster waits in its queue, or was thrown out of what it was admitted to."""

from __future__ import annotations

from collections.abc import Iterable

from dcluster_provider.core.diagnosis import CodeTrait, Diagnosis, DiagnosisCode
from dcluster_provider.core.errors import nearest
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.diagnosis.subject import sentence


class QueueCode(DiagnosisCode):
    """What a queue does to a cluster."""

    QUEUED = "Queued", "The cluster waits in its queue, which has not admitted it yet.", CodeTrait.SHORTAGE
    EVICTED = (
        "EvictedByQueue",
        "The queue took back what the cluster was admitted to, for others or by its rules.",
        CodeTrait.SHORTAGE,
    )
    QUEUE_MISSING = "QueueMissing", "There is no such queue."
    PRIORITY_CLASS_MISSING = "WorkloadPriorityClassMissing", "Kueue has no such priority class."


def queued(cluster: Cluster, queue_name: str, why: str) -> Diagnosis:
    """That a cluster waits in its queue.

    :param why: what Kueue says; empty before it has looked.
    """
    told = f": {sentence(why)}" if why else "; Kueue has not looked at it yet."
    return Diagnosis(
        QueueCode.QUEUED,
        f"{cluster} waits in the queue {queue_name}{told}",
        "Wait until there is room, ask for less, or have the quota of its ClusterQueue raised (kubectl get workloads).",
        (f"workload {cluster.name}: {why}",) if why else (),
    )


def evicted(cluster: Cluster, queue_name: str, reason: str, message: str) -> Diagnosis:
    """That a cluster that had started lost what it was admitted to.

    :param reason: of Kueue's condition ``Evicted``.
    """
    return Diagnosis(
        QueueCode.EVICTED,
        f"Kueue evicted {cluster} from the queue {queue_name}: {sentence(message or reason)}",
        "Run the task again (retries do): its cluster waits in the queue anew. Give it a higher priorityClassName, or "
        "a queue whose quota nobody takes back.",
        (f"workload {cluster.name}: Evicted, {reason}: {message}",),
    )


def queue_missing(queue_name: str, namespace: str, known: Iterable[str]) -> Diagnosis:
    """That a namespace has no queue of a name."""
    names = sorted(known)
    there = f"it has {', '.join(names)}" if names else "it has none"
    return Diagnosis(
        QueueCode.QUEUE_MISSING,
        f"Namespace {namespace} has no LocalQueue {queue_name!r}.",
        "Have it made, or correct queueName or queue_name of the connection"
        f"{nearest(queue_name, set(names)) or '.'}",
        (f"LocalQueues of namespace {namespace}: {there}",),
    )


def kueue_missing() -> Diagnosis:
    """That no Kueue is there."""
    return Diagnosis(
        QueueCode.QUEUE_MISSING,
        "This Kubernetes serves no kueue.x-k8s.io/v1beta2, so no Kueue admits anything here.",
        "Install Kueue 0.15 or later, or correct queueing of the connection.",
    )


def priority_class_missing(name: str) -> Diagnosis:
    """That there is no priority class of a name."""
    return Diagnosis(
        QueueCode.PRIORITY_CLASS_MISSING,
        f"There is no WorkloadPriorityClass {name!r}.",
        "Correct priorityClassName (kubectl get workloadpriorityclasses), or have the class made.",
    )


def held_job(queue_name: str) -> Diagnosis:
    """That Kueue has suspended the Kubernetes Job of a driver or client by itself.

    :param queue_name: that Kueue put it into.
    """
    return Diagnosis(
        QueueCode.QUEUED,
        f"Kueue has suspended the job's Kubernetes Job in the queue {queue_name}, which nobody named for it.",
        "Wait until it is admitted; or have Kueue leave Jobs of this namespace alone: no LocalQueue called default, or "
        "a managedJobsNamespaceSelector without the namespace.",
    )
