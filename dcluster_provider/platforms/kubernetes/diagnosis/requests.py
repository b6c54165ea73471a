"""Why the API server refused a request of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis.refusals import explain_refusal
from dcluster_provider.platforms.kubernetes.diagnosis.subject import POD_TEMPLATE, sentence, short


class RequestCode(DiagnosisCode):
    """Why the API server refuses a request."""

    CONFLICT = "Conflict", "An object of this name is there, or is being changed by somebody else."
    FORBIDDEN = "Forbidden", "The credentials of the connection may not do something."
    INVALID = "Invalid", "A field of an object cannot be accepted."
    INVALID_POD_TEMPLATE = (
        "InvalidPodTemplate",
        "A field of the connection's pod template cannot be accepted.",
    )
    NAMESPACE_MISSING = "NamespaceMissing", "There is no such namespace."
    NAMESPACE_TERMINATING = "NamespaceTerminating", "The namespace is being deleted."
    NAME_TAKEN = "NameTaken", "An object of this name belongs to another cluster."
    NOT_SERVED = "NotServed", "This Kubernetes does not know a kind of object."
    REFUSED = "ApiRequestRefused", "The API server refuses a request for another reason."
    TOO_LARGE = "TooLarge", "An object is larger than Kubernetes keeps."


_Explained = tuple[DiagnosisCode, str, str]
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?'
)
_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"|(\.[\w.\[\]"=]+): field not declared in schema')
_WRONG_TYPE = re.compile(r'(\.[\w./\[\]"=-]+): (expected [^,]+)')
_TOO_LONG = re.compile(r"[Tt]oo long: may not be more than \d+ bytes")
_OVER_TEMPLATE = "spec.template."  # where a pod template stands in what controls pods
_MAX_CAUSES = 5
_TOO_LARGE = (
    RequestCode.TOO_LARGE,
    "an object of it is larger than Kubernetes keeps.",
    "Put large files into the image or where the engine reads them from, not into the specification.",
)


def refused_request(
    refusal: ApiRefused, what: str, namespace: str, overlay: Mapping[str, Any] | None = None
) -> Diagnosis:
    """Why an object could not be made or changed.

    :param what: the object in words that follow a verb, ``the Deployment flights-worker`` for instance.
    :param overlay: the connection's pod template: a mistake in a field of it is said to come from it.
    """
    evidence = (f"{refusal.status} {refusal.reason}: {short(refusal.message)}",)
    explained = (
        _explain_namespace(refusal, namespace)
        or _explain_forbidden(refusal, namespace)
        or explain_refusal(refusal.message, namespace)
        or _explain_invalid(refusal, overlay or {})
        or _explain_status(refusal)
    )
    code, cause, remedy = explained
    return Diagnosis(
        code, f"The API server refused {what} in namespace {namespace}: {cause}", remedy, evidence
    )


def _explain_namespace(refusal: ApiRefused, namespace: str) -> _Explained | None:
    missing = _NO_NAMESPACE.search(refusal.message)
    if missing and refusal.status == 404:
        return (
            RequestCode.NAMESPACE_MISSING,
            f"there is no namespace {missing[1]}.",
            "Make it (kubectl create namespace), or correct namespace or external_namespace of the connection.",
        )
    if "because it is being terminated" in refusal.message:
        return (
            RequestCode.NAMESPACE_TERMINATING,
            f"namespace {namespace} is being deleted.",
            "Wait until it is gone and make it anew, or choose another in the connection.",
        )
    return None


def _explain_forbidden(refusal: ApiRefused, namespace: str) -> _Explained | None:
    found = _FORBIDDEN.search(refusal.message)
    if found:
        resource = ".".join(part for part in (found["resource"], found["group"]) if part)
        return (
            RequestCode.FORBIDDEN,
            f"{found['user']} may not {found['verb']} {resource}.",
            (
                f"Grant what is missing with the manifest that airflow dcluster rbac --namespace {namespace} prints "
                "(docs page kubernetes); airflow dcluster doctor names all of it."
            ),
        )
    return None


def _explain_invalid(refusal: ApiRefused, overlay: Mapping[str, Any]) -> _Explained | None:
    unknown = [name for found in _UNKNOWN_FIELD.findall(refusal.message) if (name := found[0] or found[1])]
    mistakes = (
        list(refusal.causes)
        or [(name.lstrip("."), "there is no such field") for name in unknown]
        or [(found[0].lstrip("."), found[1]) for found in _WRONG_TYPE.findall(refusal.message)]
    )
    if _TOO_LONG.search(refusal.message):
        return _TOO_LARGE
    if refusal.status not in {400, 422} or not (mistakes or refusal.status == 422):
        return None
    told = "; ".join(f"{field}: {short(message)}" for field, message in mistakes[:_MAX_CAUSES])
    from_overlay = [field for field, _ in mistakes if _is_in(field, overlay)]
    if from_overlay:
        return (
            RequestCode.INVALID_POD_TEMPLATE,
            f"{POD_TEMPLATE} is not valid: {sentence(told)}",
            f"Correct {', '.join(from_overlay)} there.",
        )
    return (
        RequestCode.INVALID,
        sentence(told or refusal.message),
        (
            "Correct the field of the specification or connection that it comes from; when there is none, report it "
            "with the version of this Kubernetes (kubectl version)."
        ),
    )


def _explain_status(refusal: ApiRefused) -> _Explained:
    if refusal.status == 409:
        return (
            RequestCode.CONFLICT,
            sentence(refusal.message),
            "An object of this name is there and is being changed or removed by somebody else: run the task again.",
        )
    if refusal.status == 404:
        return (
            RequestCode.NOT_SERVED,
            f"it knows nothing of the kind: {sentence(refusal.message)}",
            "Use a Kubernetes that serves apps/v1, batch/v1, networking.k8s.io/v1 and policy/v1.",
        )
    if refusal.status == 413:
        return _TOO_LARGE
    return (
        RequestCode.REFUSED,
        sentence(refusal.message),
        "Correct what the evidence names, then run the task again.",
    )


def _is_in(field: str, overlay: Mapping[str, Any]) -> bool:
    """Whether a field of a refused object was given by an overlay; list elements are told by their names only."""
    path = field.rsplit(_OVER_TEMPLATE, maxsplit=1)[-1]
    names = [name for name in re.sub(r"\[[^\]]*\]", "", path).split(".") if name]
    return bool(names) and _holds(overlay, names)


def _holds(value: Any, names: list[str]) -> bool:
    if not names:
        return True
    if isinstance(value, list):
        return any(_holds(element, names) for element in value)
    if not isinstance(value, Mapping):
        return True  # a mistake within a value that was given as one
    return names[0] in value and _holds(value[names[0]], names[1:])
