"""Why an image cannot be had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    age,
    container_in_words,
    event_lines,
    image_field,
    short,
)
from dcluster_provider.platforms.kubernetes.pod import Container, Event, Pod

IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_UNKNOWN_SECONDS = 20.0  # a second pull follows the first after 10; a bad image is told within 30

_PASSING = re.compile(
    r"i/o timeout|deadline exceeded|[Tt]imeout|connection (?:reset|refused)|unexpected EOF|TLS handshake|"
    r"toomanyrequests|QPS exceeded|server misbehaving|[Tt]emporary failure|try again|: (?:429|5\d\d) [A-Z]"
)
# Searched in the kubelet's word for it and the message; the first that is found decides. Where access is denied the
# image may well exist, and a server in trouble answers with the words of the others.
_SIGNS: tuple[tuple[re.Pattern[str], str, str, str], ...] = (
    (
        re.compile(r"^ErrImageNeverPull"),
        "ImageNotOnNode",
        "the image {image} is not on its node, and image_pull_policy is Never.",
        "Bring the image to every node, correct {field}, or leave image_pull_policy of the connection empty.",
    ),
    (
        re.compile(r"^InvalidImageName"),
        "InvalidImageName",
        "{image!r} is not the name of an image.",
        "Correct {field}.",
    ),
    (
        re.compile(r"^SignatureValidationFailed"),
        "ImageNotSigned",
        "the image {image} has no signature that its node accepts.",
        "Sign the image, or correct {field}.",
    ),
    (
        _PASSING,
        "ImagePullFailed",
        "the image {image} could not be pulled: its registry does not answer as it should.",
        "Make sure that the nodes reach the registry, or correct {field}, then run it again.",
    ),
    (
        re.compile(
            r"denied|[Uu]nauthorized|authorization failed|authentication required|no basic auth|: (?:401|403) [A-Z]"
        ),
        "ImageAccessDenied",
        "the image {image} may not be pulled, or does not exist: its registry denies access to it.",
        "Correct {field}, or name a Secret with the registry's credentials in the connection's image_pull_secrets.",
    ),
    (
        re.compile(r"no match for platform|no matching manifest"),
        "ImageForOtherMachines",
        "the image {image} does not exist for the processor or system of its node.",
        "Correct {field} to one that does, or choose other nodes with node_selector of the connection.",
    ),
    (
        re.compile(r"not found|manifest unknown|name unknown|does not exist|: 404 [A-Z]"),
        "ImageNotFound",
        "the image {image} does not exist.",
        "Correct {field}.",
    ),
    (
        re.compile(r"no such host|x509|certificate|HTTP response to HTTPS|no route to host"),
        "RegistryUnreachable",
        "the registry of {image} cannot be reached from its node.",
        "Correct {field}, or make the registry known to the nodes (its name, its certificate).",
    ),
    (
        re.compile(r""),
        "ImagePullFailed",
        "the image {image} cannot be pulled.",
        "Correct {field}; the evidence says what is wrong.",
    ),
)


def image_problem(
    pod: Pod, container: Container, now: datetime, patience: float, events: Sequence[Event]
) -> Diagnosis | None:
    """Why a container's image cannot be had; none while another try may get it.

    :param patience: seconds for which a registry may be out of order.
    :param events: warnings about the pod.
    """
    message = container.waiting_message
    # While it is backing off, some versions say only that; the events remember what was wrong.
    told = " ".join([message, *(event.message for event in events if container.image in event.message)])
    told = told.replace(container.image, "")  # a name may contain any of the words
    found = next(sign for sign in _SIGNS if sign[0].search(f"{container.waiting_reason}: {told}"))
    _, reason, cause, remedy = found
    if reason == "ImagePullFailed" and not _is_lasting(pod, container, told, now, patience):
        return None
    words = {"image": container.image, "field": image_field(pod, container)}
    return Diagnosis(
        reason,
        f"{container_in_words(pod, container)} cannot start: {cause.format(**words)}",
        remedy.format(**words),
        (short(f"{container.waiting_reason}: {message}"), *event_lines(events)),
    )


def _is_lasting(pod: Pod, container: Container, told: str, now: datetime, patience: float) -> bool:
    if _PASSING.search(told):
        return age(pod, now) >= patience
    return container.waiting_reason == "ImagePullBackOff" and age(pod, now) >= _UNKNOWN_SECONDS
