"""What a Kubernetes API server means by an answer that is none."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformUnavailable

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

NAMESPACE_TERMINATING = "NamespaceTerminating"  # of a cause: the namespace is being deleted
_DISRUPTION_BUDGET = "DisruptionBudget"  # of a cause: a PodDisruptionBudget keeps a pod
_PASSING = {429, 500, 502, 503, 504}


class _Meaning(Enum):
    """What an answer means of which neither status nor reason says it."""

    ANONYMOUS = (
        "no credentials came with the request: a plug-in that fails to give any leaves the client without"
    )
    BUDGET = "several PodDisruptionBudgets keep a pod, which is no word about how busy the API server is"
    MALFORMED = "an applied object has a field or value that the API server will never understand"


# Such answers by their status and message.
_PROSE = (
    (_Meaning.MALFORMED, 500, re.compile(r"^failed to (?:create typed patch object|convert new object)")),
    (_Meaning.BUDGET, 500, re.compile(r"^This pod has more than one PodDisruptionBudget")),
    (_Meaning.ANONYMOUS, 403, re.compile(r'User "system:anonymous"')),
)


class ApiRefused(DClusterError):
    """The API server refused a request.

    :param status: of HTTP: 403 forbidden, 404 not there, 409 conflict, 422 invalid.
    :param reason: Kubernetes' word for it, ``AlreadyExists`` for instance.
    :param message: what the API server said.
    :param causes: for an invalid object, field and message of each mistake.
    :param kinds: of its causes, in Kubernetes' words.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: tuple[tuple[str, str], ...] = (),
        kinds: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.kinds = kinds


class ApiUnavailable(PlatformUnavailable):
    """The API server does not answer, or asks to be left alone, for the moment."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def refusal_of(response: BaseHTTPResponse) -> Exception:
    """What an answer of 400 or more means.

    :returns: ``ApiUnavailable`` when the same request may be answered soon, ``CredentialsRefused`` when the server does
        not know who asks, otherwise ``ApiRefused``.
    """
    text = bytes(response.read()).decode(errors="replace")
    try:
        status = json.loads(text)
        is_status = status.get("kind") == "Status"
    except (ValueError, AttributeError):
        status, is_status = {}, False
    meaning = _meaning(response.status, str(status.get("message")))
    if meaning is _Meaning.MALFORMED:
        return ApiRefused(422, "Invalid", status["message"])
    if meaning is _Meaning.BUDGET or _DISRUPTION_BUDGET in {cause.get("reason") for cause in _causes(status)}:
        return _refused(response, status, text)
    if response.status in _PASSING and (is_status or response.status != 500):
        return ApiUnavailable(
            f"the Kubernetes API server answered {response.status}: {status.get('message') or text[:300]}",
            float(response.headers.get("Retry-After") or 0),
        )
    if response.status == 401 or meaning is _Meaning.ANONYMOUS:
        return CredentialsRefused(
            f"the Kubernetes API server refused the credentials: {status.get('message') or text[:300]}"
        )
    return _refused(response, status, text)


def _refused(response: BaseHTTPResponse, status: dict[str, Any], text: str) -> ApiRefused:
    told = _causes(status)
    return ApiRefused(
        response.status,
        str(status.get("reason") or response.reason),
        str(status.get("message") or text[:100_000]),
        tuple((str(cause.get("field", "")), str(cause.get("message", ""))) for cause in told),
        frozenset(str(cause.get("reason", "")) for cause in told),
    )


def _causes(status: dict[str, Any]) -> list[dict[str, Any]]:
    return list((status.get("details") or {}).get("causes") or ())


def _meaning(status: int, message: str) -> _Meaning | None:
    return next((it for it, of, pattern in _PROSE if of == status and pattern.search(message)), None)
