"""Why a pod does not come up, told only once it is clear that it will not by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dcluster_provider.core.cause_patterns import CausePattern, resolve_cause
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.disruption import taken_away
from dcluster_provider.platforms.kubernetes.diagnosis.ending import CANNOT_START, crashed_container
from dcluster_provider.platforms.kubernetes.diagnosis.images import IMAGE_REASONS, image_problem
from dcluster_provider.platforms.kubernetes.diagnosis.scheduling import unschedulable
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    age,
    claims_of,
    container_in_words,
    event_lines,
    image_field,
    one_line,
    pod_in_words,
    short,
    warnings_about,
)
from dcluster_provider.platforms.kubernetes.pods.pod import Container, KubernetesEvent, Pod

_CONTAINER_SECONDS = 10.0  # what a container refers to may be made a moment after it
_NOT_CREATED = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_NOT_MOUNTED = {"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"}
_MISSING = r'(?i:(secret|configmap|persistentvolumeclaim)s?) "([^"]+)" not found'
_IMAGE_OR_TEMPLATE = f"Correct {{field}}, or what {POD_TEMPLATE} says of it."
_USER = (
    "Give it a numerical user other than 0 (spark_user or flink_user of the connection, or runAsUser in "
    f"{POD_TEMPLATE}), or correct {{field}}."
)
_VOLUMES = (
    f"Make what is missing, correct the volumes in {POD_TEMPLATE}, or look at the storage class's driver "
    "(kubectl describe pod {pod})."
)


@dataclass(frozen=True)
class GracePeriods:
    """How long what may come by itself is waited for.

    :param unschedulable: seconds for a node; an autoscaler needs minutes.
    :param mount: seconds for volumes, the network, and a registry or webhook that is out of order.
    """

    unschedulable: float
    mount: float


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


# Searched in the kubelet's word for why a container is not there, and its message.
_CONTAINER_PATTERNS = (
    CausePattern(
        StartCode.REFERENCE_MISSING,
        _MISSING,
        "{what} cannot start: the {0} {1} that it refers to does not exist.",
        f"Make it, or correct {POD_TEMPLATE}; one of this package's own was removed: run the task again.",
    ),
    CausePattern(
        StartCode.REFERENCE_MISSING,
        r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)",
        "{what} cannot start: the {1} {2} has no key {0}.",
        f"Add the key, or correct {POD_TEMPLATE}.",
    ),
    CausePattern(
        StartCode.IMAGE_RUNS_AS_ROOT,
        r"runAsNonRoot.*will run as root",
        "{what} cannot start: its image would run as root and that is forbidden here.",
        _USER,
    ),
    CausePattern(
        StartCode.IMAGE_RUNS_AS_ROOT,
        r"runAsNonRoot",
        "{what} cannot start: its image names its user, who may be root, and that is forbidden here.",
        _USER,
    ),
    CANNOT_START,
    CausePattern(
        StartCode.CONTAINER_CONFIG,
        r"^CreateContainerConfigError: (.*)",
        "{what} cannot start: {0}.",
        _IMAGE_OR_TEMPLATE,
    ),
    CausePattern(
        StartCode.CONTAINER_CREATION,
        r"^CreateContainerError: (.*)",
        "{what} cannot start: {0}.",
        _IMAGE_OR_TEMPLATE,
    ),
)
# Searched in the last event of a pod that waits for its volumes or network.
_MOUNT_PATTERNS = (
    CausePattern(
        StartCode.POD_NETWORK,
        r"^FailedCreatePodSandBox: (.*)",
        "{what} cannot start: node {node} cannot give it a network: {0}.",
        "Repair the network of node {node} (CNI plugin, free addresses), or cordon it and run the task again.",
    ),
    *(
        CausePattern(
            code,
            pattern,
            f"{{what}} has waited for {{waited}} s for its volumes: {named}.",
            _VOLUMES,
        )
        for code in (StartCode.MOUNT, StartCode.ATTACH_VOLUME, StartCode.MAP_VOLUME)
        for pattern, named in (
            (rf"^{code}: .*?{_MISSING}", "the {0} {1} does not exist"),
            (rf"^{code}: (.*)", "{0}"),
        )
    ),
)


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
    if pod.deleting or pod.gates:
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
    text = one_line(container.waiting_reason, container.waiting_message)
    known = resolve_cause(
        _CONTAINER_PATTERNS,
        text,
        what=container_in_words(pod, container),
        image=container.image,
        field=image_field(pod, container),
    )
    return known.diagnosis((short(text), *event_lines(noted)))


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
    known = resolve_cause(
        _MOUNT_PATTERNS,
        one_line(last.reason, last.message),
        what=pod_in_words(pod),
        waited=f"{age(pod, now):.0f}",
        node=pod.node,
        pod=pod.name,
    )
    return known.diagnosis(event_lines(failed))
