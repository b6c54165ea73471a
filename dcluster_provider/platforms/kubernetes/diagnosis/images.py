"""Why an image cannot be had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    age,
    container_in_words,
    event_lines,
    image_field,
    short,
)
from dcluster_provider.platforms.kubernetes.pods.pod import Container, KubernetesEvent, Pod

IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}


class ImageCode(DiagnosisCode):
    """Why an image cannot be had."""

    ACCESS_DENIED = "ImageAccessDenied", "The registry denies access to an image, which may not exist."
    FOR_OTHER_MACHINES = (
        "ImageForOtherMachines",
        "An image does not exist for the processor or system of its node.",
    )
    INVALID_NAME = "InvalidImageName", "What was given is not the name of an image."
    NOT_FOUND = "ImageNotFound", "An image does not exist."
    NOT_ON_NODE = "ImageNotOnNode", "An image is not on its node, and is never to be pulled."
    NOT_SIGNED = "ImageNotSigned", "An image has no signature that its node accepts."
    PULL_FAILED = "ImagePullFailed", "An image could not be pulled for another reason."
    REGISTRY_UNREACHABLE = "RegistryUnreachable", "A node cannot reach the registry of an image."


_UNKNOWN_SECONDS = 20.0  # a second pull follows the first after 10; a bad image is told within 30


class _Sign(NamedTuple):
    """Words that tell why an image cannot be had; ``{image}`` and ``{field}`` are filled in.

    :param lasting: another try will not get it.
    """

    pattern: re.Pattern[str]
    code: DiagnosisCode
    cause: str
    remedy: str
    lasting: bool = True


_PASSING = re.compile(
    r"i/o timeout|deadline exceeded|[Tt]imeout|connection (?:reset|refused)|unexpected EOF|TLS handshake|"
    r"toomanyrequests|QPS exceeded|server misbehaving|[Tt]emporary failure|try again|: (?:429|5\d\d) [A-Z]"
)
# Searched in the kubelet's word for it and the message; the first that is found decides. Where access is denied the
# image may well exist, and a server in trouble answers with the words of the others.
_SIGNS: tuple[_Sign, ...] = (
    _Sign(
        re.compile(r"^ErrImageNeverPull"),
        ImageCode.NOT_ON_NODE,
        "the image {image} is not on its node, and image_pull_policy is Never.",
        "Bring the image to every node, correct {field}, or leave image_pull_policy of the connection empty.",
    ),
    _Sign(
        re.compile(r"^InvalidImageName"),
        ImageCode.INVALID_NAME,
        "{image!r} is not the name of an image.",
        "Correct {field}.",
    ),
    _Sign(
        re.compile(r"^SignatureValidationFailed"),
        ImageCode.NOT_SIGNED,
        "the image {image} has no signature that its node accepts.",
        "Sign the image, or correct {field}.",
    ),
    _Sign(
        _PASSING,
        ImageCode.PULL_FAILED,
        "the image {image} could not be pulled: its registry does not answer as it should.",
        "Make sure that the nodes reach the registry, or correct {field}, then run it again.",
        lasting=False,
    ),
    _Sign(
        re.compile(
            r"denied|[Uu]nauthorized|authorization failed|authentication required|no basic auth|: (?:401|403) [A-Z]"
        ),
        ImageCode.ACCESS_DENIED,
        "the image {image} may not be pulled, or does not exist: its registry denies access to it.",
        "Correct {field}, or name a Secret with the registry's credentials in the connection's image_pull_secrets.",
    ),
    _Sign(
        re.compile(r"no match for platform|no matching manifest"),
        ImageCode.FOR_OTHER_MACHINES,
        "the image {image} does not exist for the processor or system of its node.",
        "Correct {field} to one that does, or choose other nodes with node_selector of the connection.",
    ),
    _Sign(
        re.compile(r"not found|manifest unknown|name unknown|does not exist|: 404 [A-Z]"),
        ImageCode.NOT_FOUND,
        "the image {image} does not exist.",
        "Correct {field}.",
    ),
    _Sign(
        re.compile(r"no such host|x509|certificate|HTTP response to HTTPS"),
        ImageCode.REGISTRY_UNREACHABLE,
        "the registry of {image} cannot be reached from its node.",
        "Correct {field}, or make the registry known to the nodes (its name, its certificate).",
    ),
    _Sign(
        re.compile(r"no route to host|network is unreachable"),
        ImageCode.REGISTRY_UNREACHABLE,
        "the registry of {image} cannot be reached from its node.",
        "Correct {field}, or make the nodes reach the registry.",
        lasting=False,
    ),
    _Sign(
        re.compile(r""),
        ImageCode.PULL_FAILED,
        "the image {image} cannot be pulled.",
        "Correct {field}; the evidence says what is wrong.",
        lasting=False,
    ),
)


def image_problem(
    pod: Pod, container: Container, now: datetime, grace_period: float, events: Sequence[KubernetesEvent]
) -> Diagnosis | None:
    """Why a container's image cannot be had; none while another try may get it.

    :param grace_period: seconds for which a registry may be out of order.
    :param events: warnings about the pod.
    """
    message = container.waiting_message
    # While it is backing off, some versions say only that; the events remember what was wrong.
    told = " ".join([message, *(event.message for event in events if container.image in event.message)])
    told = told.replace(container.image, "")  # a name may contain any of the words
    sign = next(sign for sign in _SIGNS if sign.pattern.search(f"{container.waiting_reason}: {told}"))
    if not sign.lasting and not _is_lasting(pod, container, told, now, grace_period):
        return None
    words = {"image": container.image, "field": image_field(pod, container)}
    return Diagnosis(
        sign.code,
        f"{container_in_words(pod, container)} cannot start: {sign.cause.format(**words)}",
        sign.remedy.format(**words),
        (short(f"{container.waiting_reason}: {message}"), *event_lines(_that_add(events, message))),
    )


def _that_add(events: Sequence[KubernetesEvent], message: str) -> list[KubernetesEvent]:
    """The events that say more than the container does."""
    others = [event for event in events if not event.message.startswith("Error: ")]
    return [event for event in others if event.message.split(": ", 1)[-1] not in message]


def _is_lasting(pod: Pod, container: Container, told: str, now: datetime, grace_period: float) -> bool:
    if _PASSING.search(told):
        return age(pod, now) >= grace_period
    return container.waiting_reason == "ImagePullBackOff" and age(pod, now) >= _UNKNOWN_SECONDS
