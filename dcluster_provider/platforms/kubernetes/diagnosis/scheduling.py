"""Why a pod gets no node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from dcluster_provider.core.cause_patterns import CausePattern, KnownCause
from dcluster_provider.core.diagnosis import CodeTrait, Diagnosis, DiagnosisCode
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

    GATED = (
        "SchedulingGated",
        "A pod waits until whoever put a gate on it, such as a queue, lets it be scheduled.",
    )
    UNSCHEDULABLE = "Unschedulable", "No node fits a pod.", CodeTrait.SHORTAGE
    VOLUME_PENDING = "VolumePending", "A pod waits for its volume, which does not come.", CodeTrait.SHORTAGE


# What the scheduler says after the causes is about preemption and about claims: it repeats and explains nothing.
_AFTERTHOUGHT = re.compile(r"\.? (?:no new claims to deallocate|preemption:|not found$).*$", re.DOTALL)
_COUNT = re.compile(r"^\d+/\d+ nodes are available: ")
_VOLUME = CausePattern(
    SchedulingCode.VOLUME_PENDING,
    r"(?i)unbound immediate PersistentVolumeClaims|persistentvolumeclaim|ephemeral volume",
    "{what} has had no node for {waited} s because its volume does not come: {why}",
    "Correct storage_class of the connection (kubectl get storageclass, kubectl describe pvc), or switch "
    "launchDynamicDisk off.",
)
_NO_NODE = "{what} has had no node for {waited} s: {why}"


def _row(pattern: str, remedy: str) -> CausePattern:
    return CausePattern(SchedulingCode.UNSCHEDULABLE, pattern, _NO_NODE, remedy)


# Searched in each cause of the scheduler; the remedies of several are told together, in the order of what is most
# likely meant, not of the message.
_PATTERNS = (
    _row(r"Insufficient cpu", "ask for less CPU ({cpu}) or add nodes"),
    _row(r"Insufficient memory", "ask for less memory ({memory}) or add nodes"),
    _row(r"Insufficient (\S+)", "add nodes with more {0} or ask for less of it"),
    _row(r"Too many pods", "add nodes: those there are hold as many pods as they may"),
    _row(
        r"node affinity|node selector|node\(s\) didn't match Pod's",
        "correct node_selector of the connection (or useOnDemandMaster), or label nodes so that they match",
    ),
    _row(
        r"anti-affinity|affinity rules|topology spread", f"loosen the affinity or spreading in {POD_TEMPLATE}"
    ),
    _row(r"volume node affinity", "choose nodes where its volume is, or another storage_class"),
    _row(r"max volume count", "add nodes: those there are hold as many volumes as they may"),
    _row(
        r"untolerated taint\(?s?\)? ?\{node\.kubernetes\.io/[^}]*\}",
        "wait for nodes that are not ready, or repair them",
    ),
    _row(
        r"untolerated taint\(?s?\)? ?\{([^}]*?)[: ]*\}",
        "tolerate the taint {0} (tolerations of the connection)",
    ),
    _row(r"were unschedulable", "uncordon nodes (kubectl uncordon)"),
)
_OTHERWISE = "read the scheduler's message in the evidence; add nodes, or change what the pod asks for"
_MAX_ADVICE = 3


def gated(pod: Pod) -> Diagnosis | None:
    """What a pod waits for before the scheduler may look for a node; none for one that it may place."""
    if pod.scheduled or not pod.gates:
        return None
    gates = ", ".join(pod.gates)
    return Diagnosis(
        SchedulingCode.GATED,
        f"{pod_in_words(pod)} waits for its scheduling gate: {gates}.",
        "Wait until whoever set the gate removes it; a queue does so when there is room for all that has to start "
        "together.",
        (f"pod {pod.name}: schedulingGates {gates}",),
    )


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
    since = pod.let_through_at or pod.unschedulable_since or pod.created_at
    tries = [event.first_at for event in events if event.reason == "FailedScheduling"]
    if tries:  # a pod that was gated first counts as not scheduled since then, and was not tried before
        since = max(since, min(tries).replace(microsecond=0))  # a condition's time has whole seconds
    waited = (now - since).total_seconds()
    if not pod.unschedulable or waited < grace_period:
        return None
    causes = scheduling_causes(pod.unschedulable)
    evidence = (*causes, *event_lines(event for event in events if event.reason != "FailedScheduling"))
    words = {"what": pod_in_words(pod), "waited": f"{waited:.0f}"}
    volume = _VOLUME.search(
        pod.unschedulable, why=sentence(claims[-1].message if claims else causes[0]), **words
    )
    if volume:
        return volume.diagnosis((*evidence, *event_lines(claims)))
    words |= {"why": sentence(", ".join(causes)), "cpu": cpu_field(pod), "memory": memory_field(pod)}
    remedies = dict.fromkeys(known.remedy for known in _find_all(causes, words))
    advice = "; ".join([*remedies][:_MAX_ADVICE]) or _OTHERWISE
    cause = _NO_NODE.format(**words)
    return Diagnosis(SchedulingCode.UNSCHEDULABLE, cause, f"{advice[0].upper()}{advice[1:]}.", evidence)


def scheduling_causes(message: str) -> tuple[str, ...]:
    """The causes in a scheduler's message, each with the number of nodes that it holds for."""
    head = _COUNT.sub("", _AFTERTHOUGHT.sub("", message.strip()))
    return tuple(part.strip().rstrip(".") for part in re.split(r", (?=\d+ )", head))


def _find_all(causes: Sequence[str], words: Mapping[str, str]) -> list[KnownCause]:
    """What the first pattern that fits each cause says, in the order of the patterns."""
    found: list[tuple[int, KnownCause]] = []
    for cause in causes:
        searched = ((number, row.search(cause, **words)) for number, row in enumerate(_PATTERNS))
        found += [(number, known) for number, known in searched if known is not None][:1]
    return [known for _, known in sorted(found, key=lambda each: each[0])]
