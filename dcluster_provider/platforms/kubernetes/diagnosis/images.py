"""Why an image cannot be had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dcluster_provider.core.cause_patterns import CausePattern
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
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


@dataclass(frozen=True)
class ImagePattern(CausePattern):
    """Words by which it is known why an image cannot be had; ``image`` and ``field`` are filled in.

    :param lasting: another try will not get it.
    """

    lasting: bool = True


_PASSING = (
    r"i/o timeout|deadline exceeded|[Tt]imeout|connection (?:reset|refused)|unexpected EOF|TLS handshake|"
    r"toomanyrequests|QPS exceeded|server misbehaving|[Tt]emporary failure|try again|: (?:429|5\d\d) [A-Z]"
)
# Searched in the kubelet's word for it and the message; the first that is found decides. Where access is denied the
# image may well exist, and a server in trouble answers with the words of the others.
_PATTERNS = (
    ImagePattern(
        ImageCode.NOT_ON_NODE,
        r"^ErrImageNeverPull",
        "the image {image} is not on its node, and image_pull_policy is Never.",
        "Bring the image to every node, correct {field}, or leave image_pull_policy of the connection empty.",
    ),
    ImagePattern(
        ImageCode.INVALID_NAME,
        r"^InvalidImageName",
        "{image!r} is not the name of an image.",
        "Correct {field}.",
    ),
    ImagePattern(
        ImageCode.NOT_SIGNED,
        r"^SignatureValidationFailed",
        "the image {image} has no signature that its node accepts.",
        "Sign the image, or correct {field}.",
    ),
    ImagePattern(
        ImageCode.PULL_FAILED,
        _PASSING,
        "the image {image} could not be pulled: its registry does not answer as it should.",
        "Make sure that the nodes reach the registry, or correct {field}, then run it again.",
        lasting=False,
    ),
    ImagePattern(
        ImageCode.ACCESS_DENIED,
        r"denied|[Uu]nauthorized|authorization failed|authentication required|no basic auth|: (?:401|403) [A-Z]",
        "the image {image} may not be pulled, or does not exist: its registry denies access to it.",
        "Correct {field}, or name a Secret with the registry's credentials in the connection's image_pull_secrets.",
    ),
    ImagePattern(
        ImageCode.FOR_OTHER_MACHINES,
        r"no match for platform|no matching manifest",
        "the image {image} does not exist for the processor or system of its node.",
        "Correct {field} to one that does, or choose other nodes with node_selector of the connection.",
    ),
    ImagePattern(
        ImageCode.NOT_FOUND,
        r"not found|manifest unknown|name unknown|does not exist|: 404 [A-Z]",
        "the image {image} does not exist.",
        "Correct {field}.",
    ),
    ImagePattern(
        ImageCode.REGISTRY_UNREACHABLE,
        r"no such host|x509|certificate|HTTP response to HTTPS",
        "the registry of {image} cannot be reached from its node.",
        "Correct {field}, or make the registry known to the nodes (its name, its certificate).",
    ),
    ImagePattern(
        ImageCode.REGISTRY_UNREACHABLE,
        r"no route to host|network is unreachable",
        "the registry of {image} cannot be reached from its node.",
        "Correct {field}, or make the nodes reach the registry.",
        lasting=False,
    ),
    ImagePattern(
        ImageCode.PULL_FAILED,
        r"",
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
    words = {"image": container.image, "field": image_field(pod, container)}
    searched = ((row, row.search(f"{container.waiting_reason}: {told}", **words)) for row in _PATTERNS)
    row, known = next((row, known) for row, known in searched if known is not None)
    if not row.lasting and not _is_lasting(pod, container, told, now, grace_period):
        return None
    return known.diagnosis(
        (short(f"{container.waiting_reason}: {message}"), *event_lines(_that_add(events, message))),
        subject=f"{container_in_words(pod, container)} cannot start: ",
    )


def _that_add(events: Sequence[KubernetesEvent], message: str) -> list[KubernetesEvent]:
    """The events that say more than the container does."""
    others = [event for event in events if not event.message.startswith("Error: ")]
    return [event for event in others if event.message.split(": ", 1)[-1] not in message]


def _is_lasting(pod: Pod, container: Container, told: str, now: datetime, grace_period: float) -> bool:
    if re.search(_PASSING, told):
        return age(pod, now) >= grace_period
    return container.waiting_reason == "ImagePullBackOff" and age(pod, now) >= _UNKNOWN_SECONDS
