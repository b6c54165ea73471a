"""Why a pod gets no node."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import CodeTrait, DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    cpu_field,
    event_lines,
    memory_field,
    pod_in_words,
    sentence,
)
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, Pod


class SchedulingCode(DiagnosisCode):
    """Why a pod gets no node."""

    UNSCHEDULABLE = "Unschedulable", "No node fits a pod.", CodeTrait.SHORTAGE
    VOLUME_PENDING = "VolumePending", "A pod waits for its volume, which does not come.", CodeTrait.SHORTAGE


# What the scheduler says after the causes is about preemption and about claims: it repeats and explains nothing.
_AFTERTHOUGHT = re.compile(r"\.? (?:no new claims to deallocate|preemption:|not found$).*$", re.DOTALL)
_COUNT = re.compile(r"^\d+/\d+ nodes are available: ")
_VOLUME = re.compile(
    r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim|ephemeral volume", re.IGNORECASE
)

_Advice = Callable[[Pod, re.Match[str]], str]
_ADVICE: tuple[tuple[str, _Advice], ...] = (
    (
        r"Insufficient cpu",
        lambda pod, _: f"ask for less CPU ({cpu_field(pod)}) or add nodes",
    ),
    (
        r"Insufficient memory",
        lambda pod, _: f"ask for less memory ({memory_field(pod)}) or add nodes",
    ),
    (r"Insufficient (\S+)", lambda _, found: f"add nodes with more {found[1]} or ask for less of it"),
    (r"Too many pods", lambda *_: "add nodes: those there are hold as many pods as they may"),
    (
        r"node affinity|node selector|node\(s\) didn't match Pod's",
        lambda *_: (
            "correct node_selector of the connection (or useOnDemandMaster), or label nodes so that they match"
        ),
    ),
    (
        r"anti-affinity|affinity rules|topology spread",
        lambda *_: f"loosen the affinity or spreading in {POD_TEMPLATE}",
    ),
    (r"volume node affinity", lambda *_: "choose nodes where its volume is, or another storage_class"),
    (r"max volume count", lambda *_: "add nodes: those there are hold as many volumes as they may"),
    (
        r"untolerated taint\(?s?\)? ?\{node\.kubernetes\.io/[^}]*\}",
        lambda *_: "wait for nodes that are not ready, or repair them",
    ),
    (
        r"untolerated taint\(?s?\)? ?\{([^}]*)\}",
        lambda _, found: f"tolerate the taint {found[1].rstrip(': ')} (tolerations of the connection)",
    ),
    (r"were unschedulable", lambda *_: "uncordon nodes (kubectl uncordon)"),
)
_MAX_ADVICE = 3


def unschedulable(
    pod: Pod,
    now: datetime,
    grace_period: float,
    events: Sequence[KubernetesEvent],
    claims: Sequence[KubernetesEvent],
) -> Diagnosis | None:
    """Why the scheduler finds no node for a pod; none while it may still find one.

    :param grace_period: seconds for which a node may be on its way.
    :param events: warnings about the pod.
    :param claims: warnings about its volumes.
    """
    waited = (now - (pod.unschedulable_since or pod.created_at)).total_seconds()
    if not pod.unschedulable or waited < grace_period:
        return None
    what = pod_in_words(pod)
    causes = scheduling_causes(pod.unschedulable)
    evidence = (*causes, *event_lines(event for event in events if event.reason != "FailedScheduling"))
    if _VOLUME.search(pod.unschedulable):
        why = claims[-1].message if claims else causes[0]
        return Diagnosis(
            SchedulingCode.VOLUME_PENDING,
            f"{what} has had no node for {waited:.0f} s because its volume does not come: {sentence(why)}",
            "Correct storage_class of the connection (kubectl get storageclass, kubectl describe pvc), or switch "
            "launchDynamicDisk off.",
            (*evidence, *event_lines(claims)),
        )
    return Diagnosis(
        SchedulingCode.UNSCHEDULABLE,
        f"{what} has had no node for {waited:.0f} s: {sentence(', '.join(causes))}",
        _remedy(pod, causes),
        evidence,
    )


def scheduling_causes(message: str) -> tuple[str, ...]:
    """The causes in a scheduler's message, each with the number of nodes that it holds for."""
    head = _COUNT.sub("", _AFTERTHOUGHT.sub("", message.strip()))
    return tuple(part.strip().rstrip(".") for part in re.split(r", (?=\d+ )", head))


def _remedy(pod: Pod, causes: Sequence[str]) -> str:
    told: dict[str, None] = {}
    for pattern, advice in _ADVICE:  # in the order of what is most likely meant, not of the message
        for cause in causes:
            found = re.search(pattern, cause)
            if found and not any(re.search(earlier, cause) for earlier in _before(pattern)):
                told[advice(pod, found)] = None
    if not told:
        return "Read the scheduler's message in the evidence; add nodes, or change what the pod asks for."
    text = "; ".join(list(told)[:_MAX_ADVICE])
    return f"{text[0].upper()}{text[1:]}."


def _before(pattern: str) -> list[str]:
    patterns = [each for each, _ in _ADVICE]
    return patterns[: patterns.index(pattern)]
