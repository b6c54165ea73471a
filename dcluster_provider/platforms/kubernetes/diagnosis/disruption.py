"""What a cluster does to pods: eviction, preemption, lost nodes, refusal by a node."""

from __future__ import annotations

import re

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    cpu_field,
    memory_field,
    pod_in_words,
    sentence,
    short,
)
from dcluster_provider.platforms.kubernetes.pods.pod import Pod


class DisruptionCode(DiagnosisCode):
    """What a Kubernetes cluster does to pods."""

    DEADLINE_EXCEEDED = "DeadlineExceeded", "A pod ran for longer than its activeDeadlineSeconds."
    EVICTED = "Evicted", "A node evicted a pod: it was short of memory or disk, or the pod passed a limit."
    EVICTED_BY_REQUEST = (
        "EvictedByRequest",
        "Somebody had a pod evicted: a node was drained, upgraded or removed.",
    )
    NODE_LOST = "NodeLost", "A pod was lost with its node, or its node does not answer."
    NODE_OUT_OF_RESOURCES = "NodeOutOfResources", "A node had less left of a resource than a pod asked for."
    NODE_SHUTDOWN = "NodeShutdown", "A pod was ended because its node was shut down."
    NODE_TAINTED = "NodeTainted", "A pod was taken away because its node was given a taint."
    PREEMPTED = "Preempted", "A pod had to make room for a pod of higher priority."
    REJECTED_BY_NODE = "RejectedByNode", "A node rejected or ended a pod for another reason."


_LOW = re.compile(r"low on resource: ([\w-]+)")
_AGAIN = "then run it again"
# By the reason of a DisruptionTarget condition: our code, what happened, what to do.
_DISRUPTIONS = {
    "PreemptionByScheduler": (
        DisruptionCode.PREEMPTED,
        "had to make room for a pod of higher priority",
        f"Add nodes, or give its pods a higher priority (priorityClassName in {POD_TEMPLATE}), {_AGAIN}.",
    ),
    "EvictionByEvictionAPI": (
        DisruptionCode.EVICTED_BY_REQUEST,
        "was evicted by somebody's request: a node was drained, upgraded or scaled down",
        f"Keep such work off the nodes while it runs, or choose others with node_selector of the connection, {_AGAIN}.",
    ),
    "DeletionByTaintManager": (
        DisruptionCode.NODE_TAINTED,
        "was taken away because its node was given a taint: it was not ready, not reachable or being emptied",
        f"Look at the node (kubectl describe node), {_AGAIN}.",
    ),
    "DeletionByPodGC": (
        DisruptionCode.NODE_LOST,
        "was lost with its node, which is no more",
        f"Find out why the node went (a spot node was taken back?), {_AGAIN}.",
    ),
}
_SHUTDOWN = {"NodeShutdown", "Shutdown", "Terminated"}


def taken_away(pod: Pod, who: str = "") -> Diagnosis | None:
    """Why a pod ended that did not end by itself; none when it did.

    :param who: the pod in words that begin a sentence; the pod's own when empty.
    """
    who = who or pod_in_words(pod)
    evidence = _evidence(pod)
    if pod.reason == "Evicted":
        return _evicted(pod, who, evidence)
    if pod.disruption_reason in _DISRUPTIONS:
        code, happened, remedy = _DISRUPTIONS[pod.disruption_reason]
        return Diagnosis(code, f"{who} {happened}{_on(pod)}.", remedy, evidence)
    if pod.reason in _SHUTDOWN or (pod.disruption_reason and "shutdown" in pod.message):
        return Diagnosis(
            DisruptionCode.NODE_SHUTDOWN,
            f"{who} was ended because its node was shut down{_on(pod)}.",
            f"Find out why the node went (a spot node was taken back?), {_AGAIN}.",
            evidence,
        )
    if pod.reason == "NodeLost":
        return Diagnosis(
            DisruptionCode.NODE_LOST,
            f"{who} was lost with its node{_on(pod)}.",
            f"Look at the node (kubectl describe node), {_AGAIN}.",
            evidence,
        )
    if pod.reason == "DeadlineExceeded":
        return Diagnosis(
            DisruptionCode.DEADLINE_EXCEEDED,
            f"{who} ran for longer than it was allowed to.",
            f"Raise activeDeadlineSeconds in {POD_TEMPLATE}, {_AGAIN}.",
            evidence,
        )
    return _refused_by_node(pod, who, evidence) if pod.reason and pod.phase == "Failed" else None


def silent_node(pod: Pod, what: str) -> Diagnosis:
    """What a pod is told of that should be gone and still is there: its node does not say whether it runs.

    :param what: it in words that begin a sentence.
    """
    return Diagnosis(
        DisruptionCode.NODE_LOST,
        f"{what} (pod {pod.name}) had to be gone by {pod.gone_by:%H:%M:%S} UTC, and its node {pod.node} does not "
        "answer: it may still be at work.",
        f"Look at the node (kubectl describe node {pod.node}). Once it is off for certain, delete it, or the pod with "
        "--force, check the job's output, and clear the task if it has to run again.",
        _evidence(pod),
    )


def _evicted(pod: Pod, who: str, evidence: tuple[str, ...]) -> Diagnosis:
    low = _LOW.search(pod.message)
    if low and low[1] == "memory":
        return Diagnosis(
            DisruptionCode.EVICTED,
            f"{who} was evicted because its node was short of memory{_on(pod)}.",
            f"Look at what else runs on the node, or raise {memory_field(pod)} so that more is set aside, {_AGAIN}.",
            evidence,
        )
    if low:
        return Diagnosis(
            DisruptionCode.EVICTED,
            f"{who} was evicted because its node was short of {low[1]}{_on(pod)}.",
            f"{_own_disk(pod)}choose nodes with larger disks, {_AGAIN}.",
            evidence,
        )
    return Diagnosis(
        DisruptionCode.EVICTED,
        f"{who} was evicted{_on(pod)}: {sentence(pod.message)}",
        f"{_own_disk(pod)}raise the limit that it names ({POD_TEMPLATE}), {_AGAIN}.",
        evidence,
    )


def _refused_by_node(pod: Pod, who: str, evidence: tuple[str, ...]) -> Diagnosis:
    short_of = pod.reason.removeprefix("OutOf")
    if short_of != pod.reason:
        field = {"cpu": cpu_field(pod), "memory": memory_field(pod)}.get(short_of, short_of)
        return Diagnosis(
            DisruptionCode.NODE_OUT_OF_RESOURCES,
            f"{who} was refused by its node, which had too little {short_of} left{_on(pod)}.",
            f"Ask for less ({field}) or add nodes, {_AGAIN}.",
            evidence,
        )
    return Diagnosis(
        DisruptionCode.REJECTED_BY_NODE,
        f"{who} was refused or ended by its node{_on(pod)}: {sentence(pod.message)}",
        f"Look at the node (kubectl describe node), {_AGAIN}.",
        evidence,
    )


def _own_disk(pod: Pod) -> str:
    return (
        "Give the workers disks of their own (launchDynamicDisk), or "
        if pod.role == "worker"
        else "Let it write less, or "
    )


def _on(pod: Pod) -> str:
    return f" (node {pod.node})" if pod.node else ""


def _evidence(pod: Pod) -> tuple[str, ...]:
    told = []
    if pod.reason or pod.message:
        told.append(short(f"{pod.reason or pod.phase}: {pod.message}"))
    if pod.disruption_reason:
        told.append(short(f"DisruptionTarget {pod.disruption_reason}: {pod.disruption_message}"))
    told += [
        f"container {container.name}: exit code {container.exit_code}"
        for container in pod.containers
        if container.exit_code is not None
    ]
    return tuple(told)
