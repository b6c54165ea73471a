"""Why a pod does not come up, told only once it is clear that it will not by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.disruption import taken_away
from dcluster_provider.platforms.kubernetes.diagnosis.ending import EndCode, cannot_start, crashed_container
from dcluster_provider.platforms.kubernetes.diagnosis.grace_periods import GracePeriods
from dcluster_provider.platforms.kubernetes.diagnosis.images import IMAGE_REASONS, image_problem
from dcluster_provider.platforms.kubernetes.diagnosis.scheduling import unschedulable
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    age,
    claims_of,
    container_in_words,
    event_lines,
    image_field,
    pod_in_words,
    sentence,
    short,
    warnings_about,
)
from dcluster_provider.platforms.kubernetes.pods.pod import Container, KubernetesEvent, Pod


class StartCode(DiagnosisCode):
    """Why a pod that has a node does not start."""

    ATTACH_VOLUME = "FailedAttachVolume", "A volume cannot be attached to the node of a pod."
    CONTAINER_CONFIG = "CreateContainerConfigError", "The configuration of a container cannot be used."
    CONTAINER_CREATION = "CreateContainerError", "The container runtime cannot create a container."
    IMAGE_RUNS_AS_ROOT = "ImageRunsAsRoot", "An image runs as root where that is forbidden."
    MAP_VOLUME = "FailedMapVolume", "A block volume cannot be given to a pod."
    MOUNT = "FailedMount", "A volume of a pod cannot be mounted."
    POD_NETWORK = "FailedCreatePodSandBox", "A node cannot give a pod a network."
    REFERENCE_MISSING = (
        "ReferenceMissing",
        "A Secret, ConfigMap, claim or key that a pod refers to is missing.",
    )


_CONTAINER_SECONDS = 10.0  # what a container refers to may be made a moment after it
# By the kubelet's word for it.
_NOT_CREATED = {
    "CreateContainerConfigError": StartCode.CONTAINER_CONFIG,
    "CreateContainerError": StartCode.CONTAINER_CREATION,
    "RunContainerError": EndCode.CONTAINER_CANNOT_START,
}
_NO_NETWORK = "FailedCreatePodSandBox"
_NOT_MOUNTED = {
    "FailedMount": StartCode.MOUNT,
    "FailedAttachVolume": StartCode.ATTACH_VOLUME,
    "FailedMapVolume": StartCode.MAP_VOLUME,
    _NO_NETWORK: StartCode.POD_NETWORK,
}
_MISSING = re.compile(r'(secret|configmap|persistentvolumeclaim)s? "([^"]+)" not found', re.IGNORECASE)
_MISSING_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)")


def broken_pod(
    pod: Pod, now: datetime, grace_periods: GracePeriods, events: Iterable[KubernetesEvent] = ()
) -> Diagnosis | None:
    """Why a pod cannot become or stay usable by itself; none while it may.

    For a pod that is over this tells only of what happened to it from outside (evicted, its node lost): why its
    process ended says :func:`~dcluster_provider.platforms.kubernetes.diagnosis.ending.ended_pod`.

    :param events: any; those about other objects are not looked at.
    """
    if pod.is_over:
        return taken_away(pod) if pod.phase == "Failed" else None
    if pod.deleting:
        return None
    events = list(events)
    noted = warnings_about(pod, events)
    if not pod.scheduled:
        return unschedulable(pod, now, grace_periods.unschedulable, noted, claims_of(pod, events))
    for container in pod.containers:
        found = _broken_container(pod, container, now, grace_periods, noted)
        if found:
            return found
    return _unmounted(pod, now, grace_periods, noted)


def _broken_container(
    pod: Pod,
    container: Container,
    now: datetime,
    grace_periods: GracePeriods,
    noted: Sequence[KubernetesEvent],
) -> Diagnosis | None:
    reason = container.waiting_reason
    if reason in IMAGE_REASONS:
        return image_problem(pod, container, now, grace_periods.mount, noted)
    if reason in _NOT_CREATED and age(pod, now) >= _CONTAINER_SECONDS:
        return _not_created(pod, container, noted)
    if reason == "CrashLoopBackOff":
        return crashed_container(pod, container, noted)
    return None


def _not_created(pod: Pod, container: Container, noted: Sequence[KubernetesEvent]) -> Diagnosis:
    message = container.waiting_message
    what = container_in_words(pod, container)
    evidence = (short(f"{container.waiting_reason}: {message}"), *event_lines(noted))
    missing = _MISSING.search(message)
    if missing:
        return Diagnosis(
            StartCode.REFERENCE_MISSING,
            f"{what} cannot start: the {missing[1].lower()} {missing[2]} that it refers to does not exist.",
            f"Make it, or correct {POD_TEMPLATE}; one of this package's own was removed: run the task again.",
            evidence,
        )
    key = _MISSING_KEY.search(message)
    if key:
        return Diagnosis(
            StartCode.REFERENCE_MISSING,
            f"{what} cannot start: the {key[2]} {key[3]} has no key {key[1]}.",
            f"Add the key, or correct {POD_TEMPLATE}.",
            evidence,
        )
    if "runAsNonRoot" in message:
        would = "would run as root" if "will run as root" in message else "names its user, who may be root,"
        return Diagnosis(
            StartCode.IMAGE_RUNS_AS_ROOT,
            f"{what} cannot start: its image {would} and that is forbidden here.",
            "Give it a numerical user other than 0 (spark_user or flink_user of the connection, or runAsUser in "
            f"{POD_TEMPLATE}), or correct {image_field(pod, container)}.",
            evidence,
        )
    if container.waiting_reason == "RunContainerError":
        return cannot_start(pod, container, what, message, evidence)
    return Diagnosis(
        _NOT_CREATED[container.waiting_reason],
        f"{what} cannot start: {sentence(message)}",
        f"Correct {image_field(pod, container)}, or what {POD_TEMPLATE} says of it.",
        evidence,
    )


def _unmounted(
    pod: Pod, now: datetime, grace_periods: GracePeriods, noted: Sequence[KubernetesEvent]
) -> Diagnosis | None:
    has_begun = any(
        container.running_since or container.exit_code is not None or container.restarts
        for container in pod.containers
    )
    failed = [event for event in noted if event.reason in _NOT_MOUNTED]
    if has_begun or not failed or age(pod, now) < grace_periods.mount:
        return None
    last = failed[-1]
    what, evidence = pod_in_words(pod), event_lines(failed)
    if last.reason == _NO_NETWORK:
        return Diagnosis(
            StartCode.POD_NETWORK,
            f"{what} cannot start: node {pod.node} cannot give it a network: {sentence(last.message)}",
            f"Repair the network of node {pod.node} (CNI plugin, free addresses), or cordon it and run the task again.",
            evidence,
        )
    missing = _MISSING.search(last.message)
    named = f"the {missing[1].lower()} {missing[2]} does not exist." if missing else sentence(last.message)
    return Diagnosis(
        _NOT_MOUNTED[last.reason],
        f"{what} has waited for {age(pod, now):.0f} s for its volumes: {named}",
        f"Make what is missing, correct the volumes in {POD_TEMPLATE}, or look at the storage class's driver "
        f"(kubectl describe pod {pod.name}).",
        evidence,
    )
