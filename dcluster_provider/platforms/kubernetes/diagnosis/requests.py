"""Why the API server refused a request of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.cause_patterns import CausePattern, KnownCause
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.platforms.kubernetes.api.refusals import NAMESPACE_TERMINATING, ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis.admission import explain_refusal
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


@dataclass(frozen=True)
class RequestPattern(CausePattern):
    """An answer of the API server by which its cause is known; ``namespace`` is filled in.

    :param status: that it has to have; none means any.
    :param kind: that one of its causes has to be of; empty means any.
    """

    status: int | None = None
    kind: str = ""

    def explain(self, refusal: ApiRefused, namespace: str) -> KnownCause | None:
        """The cause of a refusal by this pattern; none when it tells of none."""
        if self.status not in {None, refusal.status} or (self.kind and self.kind not in refusal.kinds):
            return None
        return self.search(" ".join(refusal.message.split()), namespace=namespace)


_RIGHTS = (
    "Grant what is missing with the manifest that airflow dcluster rbac --namespace {namespace} prints (docs page "
    "kubernetes); airflow dcluster doctor names all of it."
)
_FILES = "Put large files into the image or where the engine reads them from, not into the specification."
_LARGE = "an object of it is larger than Kubernetes keeps."
_BEFORE_ADMISSION = (
    RequestPattern(
        RequestCode.NAMESPACE_MISSING,
        r'namespaces "([^"]+)" not found',
        "there is no namespace {0}.",
        "Make it (kubectl create namespace), or correct namespace or external_namespace of the connection.",
        status=404,
    ),
    RequestPattern(
        RequestCode.NAMESPACE_TERMINATING,
        r"",
        "namespace {namespace} is being deleted.",
        "Wait until it is gone and make it anew, or choose another in the connection.",
        kind=NAMESPACE_TERMINATING,
    ),
    RequestPattern(
        RequestCode.FORBIDDEN,
        r'User "([^"]*)" cannot (\w+) resource "([^"]+)" in API group "([^"]+)"',
        "{0} may not {1} {2}.{3}.",
        _RIGHTS,
    ),
    RequestPattern(
        RequestCode.FORBIDDEN,
        r'User "([^"]*)" cannot (\w+) resource "([^"]+)"',
        "{0} may not {1} {2}.",
        _RIGHTS,
    ),
)
_TOO_LONG = RequestPattern(
    RequestCode.TOO_LARGE, r"[Tt]oo long: may not be more than \d+ bytes", _LARGE, _FILES
)
_OTHERWISE = (
    RequestPattern(
        RequestCode.CONFLICT,
        r"(.*)",
        "{0}.",
        "An object of this name is there and is being changed or removed by somebody else: run the task again.",
        status=409,
    ),
    RequestPattern(
        RequestCode.NOT_SERVED,
        r"(.*)",
        "it knows nothing of the kind: {0}.",
        "Use a Kubernetes that serves apps/v1, batch/v1, networking.k8s.io/v1 and policy/v1.",
        status=404,
    ),
    RequestPattern(RequestCode.TOO_LARGE, r"", _LARGE, _FILES, status=413),
    RequestPattern(
        RequestCode.REFUSED, r"(.*)", "{0}.", "Correct what the evidence names, then run the task again."
    ),
)
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"|(\.[\w.\[\]"=]+): field not declared in schema')
_WRONG_TYPE = re.compile(r'(\.[\w./\[\]"=-]+): (expected [^,]+)')
_OVER_TEMPLATE = "spec.template."  # where a pod template stands in what controls pods
_MAX_CAUSES = 5


def refused_request(
    refusal: ApiRefused, what: str, namespace: str, overlay: Mapping[str, Any] | None = None
) -> Diagnosis:
    """Why an object could not be made or changed.

    :param what: the object in words that follow a verb, ``the Deployment flights-worker`` for instance.
    :param overlay: the connection's pod template: a mistake in a field of it is said to come from it.
    """
    evidence = (f"{refusal.status} {refusal.reason}: {short(refusal.message)}",)
    known = (
        _explain(_BEFORE_ADMISSION, refusal, namespace)
        or explain_refusal(refusal.message, namespace)
        or _TOO_LONG.explain(refusal, namespace)
        or _explain_invalid(refusal, overlay or {})
        or _explain(_OTHERWISE, refusal, namespace)
    )
    assert known is not None
    return known.diagnosis(evidence, subject=f"The API server refused {what} in namespace {namespace}: ")


def _explain(rows: Iterable[RequestPattern], refusal: ApiRefused, namespace: str) -> KnownCause | None:
    return next((known for row in rows if (known := row.explain(refusal, namespace)) is not None), None)


def _explain_invalid(refusal: ApiRefused, overlay: Mapping[str, Any]) -> KnownCause | None:
    unknown = [name for found in _UNKNOWN_FIELD.findall(refusal.message) if (name := found[0] or found[1])]
    mistakes = (
        list(refusal.causes)
        or [(name.lstrip("."), "there is no such field") for name in unknown]
        or [(found[0].lstrip("."), found[1]) for found in _WRONG_TYPE.findall(refusal.message)]
    )
    if refusal.status not in {400, 422} or not (mistakes or refusal.status == 422):
        return None
    told = "; ".join(f"{field}: {short(message)}" for field, message in mistakes[:_MAX_CAUSES])
    from_overlay = [field for field, _ in mistakes if _is_in(field, overlay)]
    if from_overlay:
        return KnownCause(
            RequestCode.INVALID_POD_TEMPLATE,
            f"{POD_TEMPLATE} is not valid: {sentence(told)}",
            f"Correct {', '.join(from_overlay)} there.",
            refusal.message,
        )
    return KnownCause(
        RequestCode.INVALID,
        sentence(told or refusal.message),
        (
            "Correct the field of the specification or connection that it comes from; when there is none, report it "
            "with the version of this Kubernetes (kubectl version)."
        ),
        refusal.message,
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
