"""What a cluster does to pods: eviction, preemption, lost nodes, refusal by a node."""

from __future__ import annotations

from dcluster_provider.core.cause_patterns import CausePattern, first_cause
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    cpu_field,
    memory_field,
    one_line,
    pod_in_words,
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


_AGAIN = "then run it again"
_NODE = f"Look at the node (kubectl describe node), {_AGAIN}."
_NODE_WENT = f"Find out why the node went (a spot node was taken back?), {_AGAIN}."
# Searched in the reason and message of a pod and, in a line of its own, its DisruptionTarget condition.
_DISRUPTIONS = (
    CausePattern(
        DisruptionCode.EVICTED,
        r"\AEvicted: .*low on resource: memory\b",
        "{who} was evicted because its node was short of memory{on_node}.",
        f"Look at what else runs on the node, or raise {{memory}} so that more is set aside, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.EVICTED,
        r"\AEvicted: .*low on resource: ([\w-]+)",
        "{who} was evicted because its node was short of {0}{on_node}.",
        f"{{own_disk}}choose nodes with larger disks, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.EVICTED,
        r"\AEvicted: (.*)",
        "{who} was evicted{on_node}: {0}.",
        f"{{own_disk}}raise the limit that it names ({POD_TEMPLATE}), {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.PREEMPTED,
        r"\nDisruptionTarget PreemptionByScheduler:",
        "{who} had to make room for a pod of higher priority{on_node}.",
        f"Add nodes, or give its pods a higher priority (priorityClassName in {POD_TEMPLATE}), {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.EVICTED_BY_REQUEST,
        r"\nDisruptionTarget EvictionByEvictionAPI:",
        "{who} was evicted by somebody's request: a node was drained, upgraded or scaled down{on_node}.",
        f"Keep such work off the nodes while it runs, or choose others with node_selector of the connection, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.NODE_TAINTED,
        r"\nDisruptionTarget DeletionByTaintManager:",
        "{who} was taken away because its node was given a taint: it was not ready, not reachable or being emptied"
        "{on_node}.",
        _NODE,
    ),
    CausePattern(
        DisruptionCode.NODE_LOST,
        r"\nDisruptionTarget DeletionByPodGC:",
        "{who} was lost with its node, which is no more{on_node}.",
        _NODE_WENT,
    ),
    CausePattern(
        DisruptionCode.NODE_SHUTDOWN,
        r"\A(?:NodeShutdown|Shutdown|Terminated): |shutdown.*\nDisruptionTarget \w",
        "{who} was ended because its node was shut down{on_node}.",
        _NODE_WENT,
    ),
    CausePattern(DisruptionCode.NODE_LOST, r"\ANodeLost: ", "{who} was lost with its node{on_node}.", _NODE),
    CausePattern(
        DisruptionCode.DEADLINE_EXCEEDED,
        r"\ADeadlineExceeded: ",
        "{who} ran for longer than it was allowed to.",
        f"Raise activeDeadlineSeconds in {POD_TEMPLATE}, {_AGAIN}.",
    ),
)
# The same of a pod that has failed.
_REJECTIONS = (
    CausePattern(
        DisruptionCode.NODE_OUT_OF_RESOURCES,
        r"\AOutOf(cpu): ",
        "{who} was refused by its node, which had too little {0} left{on_node}.",
        f"Ask for less ({{cpu}}) or add nodes, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.NODE_OUT_OF_RESOURCES,
        r"\AOutOf(memory): ",
        "{who} was refused by its node, which had too little {0} left{on_node}.",
        f"Ask for less ({{memory}}) or add nodes, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.NODE_OUT_OF_RESOURCES,
        r"\AOutOf(\S+): ",
        "{who} was refused by its node, which had too little {0} left{on_node}.",
        f"Ask for less ({{0}}) or add nodes, {_AGAIN}.",
    ),
    CausePattern(
        DisruptionCode.REJECTED_BY_NODE,
        r"\A\S+: (.*)",
        "{who} was refused or ended by its node{on_node}: {0}.",
        _NODE,
    ),
)


def taken_away(pod: Pod, who: str = "") -> Diagnosis | None:
    """Why a pod ended that did not end by itself; none when it did.

    :param who: the pod in words that begin a sentence; the pod's own when empty.
    """
    rows = (*_DISRUPTIONS, *_REJECTIONS) if pod.phase == "Failed" else _DISRUPTIONS
    text = f"{one_line(pod.reason, pod.message)}\nDisruptionTarget {pod.disruption_reason}:"
    known = first_cause(
        rows,
        text,
        who=who or pod_in_words(pod),
        on_node=f" (node {pod.node})" if pod.node else "",
        cpu=cpu_field(pod),
        memory=memory_field(pod),
        own_disk=_own_disk(pod),
    )
    return known.diagnosis(_evidence(pod)) if known else None


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


def _own_disk(pod: Pod) -> str:
    return (
        "Give the workers disks of their own (launchDynamicDisk), or "
        if pod.role == "worker"
        else "Let it write less, or "
    )


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
