"""What Google's errors mean to a caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dcluster_provider.core.cause_patterns import CausePattern, resolve_cause
from dcluster_provider.core.diagnosis_codes import ConnectionCode, DiagnosisCode
from dcluster_provider.core.errors import (
    CloudUnavailable,
    CredentialsRefused,
    DClusterError,
    PlatformRefused,
)


class GkeCode(DiagnosisCode):
    """What only GKE refuses."""

    POOL_NAME_TAKEN = "PoolNameTaken", "A node pool of this name does not belong to this deployment."
    POOL_REFUSED = "PoolRefused", "GKE cannot accept a node pool as it is."
    TEMPLATE_MISSING = "TemplateMissing", "There is no node pool that gke_template_pool names."


_ROLES = "to the account of the connection; the page on nodes lists all that are needed."
_PERMISSIONS = (
    CausePattern(
        ConnectionCode.PERMISSION_MISSING,
        r"\b([a-z][a-zA-Z]*\.[a-zA-Z]+\.[a-zA-Z]+)\b['\"]? permission",
        "{what}: the permission {0} is missing.",
        f"Grant a role with {{0}} {_ROLES}",
    ),
    CausePattern(
        ConnectionCode.PERMISSION_MISSING,
        r"",
        "{what} is forbidden.",
        f"Grant a role with what the message names {_ROLES}",
    ),
)
# What neither a status nor a reason says.
_BUSY = re.compile(r"operation-|try again|currently|in progress|incompatible operation", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient\b.*\bquota", re.IGNORECASE)
_RATES = {"rateLimitExceeded", "userRateLimitExceeded"}


class ResourceExists(DClusterError):
    """There is one of this name already."""


class ResourceNotFound(DClusterError):
    """There is none of this name."""


class RequestRejected(DClusterError):
    """The request cannot be accepted as it is."""


@contextmanager
def asking(subject: str, what: str) -> Iterator[None]:
    """Turn what a client of Google's raises into this package's errors.

    :param subject: who is asked, for messages.
    :param what: what is asked for, for messages.
    :raises CloudUnavailable: nobody answered, or the cluster is busy; asking again later may work.
    :raises CredentialsRefused: the credentials are not accepted any more.
    :raises PlatformRefused: a permission is missing; it is named.
    :raises ResourceExists: there is one of this name.
    :raises ResourceNotFound: there is none of this name.
    :raises RequestRejected: the request cannot be accepted.
    """
    from google.api_core import exceptions as google
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except google.Unauthenticated as error:
        raise CredentialsRefused(
            f"{subject}: {what}: the credentials are not accepted: {said(error)}"
        ) from error
    except google.Forbidden as error:
        raise _forbidden(subject, what, error) from error
    except (google.AlreadyExists, google.NotFound) as error:
        kind = ResourceExists if isinstance(error, google.AlreadyExists) else ResourceNotFound
        raise kind(f"{subject}: {what}: {said(error)}") from error
    except google.Conflict as error:
        if isinstance(error, google.Aborted):
            raise CloudUnavailable(f"{subject}: {what}: busy: {said(error)}") from error
        raise ResourceExists(f"{subject}: {what}: {said(error)}") from error
    except google.ClientError as error:
        raise _client_error(subject, what, error) from error
    except (google.GoogleAPIError, TransportError, RequestException) as error:
        raise CloudUnavailable(
            f"{subject}: {what}: no answer: {said(error)}; asking again may work"
        ) from error
    except GoogleAuthError as error:
        raise CredentialsRefused(f"{subject}: {what}: no valid credentials: {said(error)}") from error


def said(error: Exception) -> str:
    """What an error says, in one line."""
    message = str(getattr(error, "message", "") or error)
    # The clients put the address of the request before what the server said.
    return re.sub(r"^[A-Z]+ https?://\S+: ", "", " ".join(message.split()))[:500]


def _client_error(subject: str, what: str, error: Exception) -> DClusterError:
    from google.api_core import exceptions as google

    if isinstance(error, google.Unauthorized):
        return CredentialsRefused(f"{subject}: {what}: the credentials are not accepted: {said(error)}")
    if isinstance(error, google.TooManyRequests | google.Cancelled) and not _QUOTA.search(str(error)):
        return CloudUnavailable(f"{subject}: {what}: too many requests: {said(error)}; asking again may work")
    is_precondition = isinstance(error, google.FailedPrecondition | google.PreconditionFailed)
    if is_precondition and _BUSY.search(str(error)):
        return CloudUnavailable(f"{subject}: {what}: busy: {said(error)}")
    return RequestRejected(f"{subject}: {what}: {said(error)}")


def _forbidden(subject: str, what: str, error: Exception) -> DClusterError:
    reasons = {str(dict(it).get("reason")) for it in getattr(error, "errors", ()) if isinstance(it, dict)}
    if reasons & _RATES:
        return CloudUnavailable(f"{subject}: {what}: too many requests: {said(error)}; asking again may work")
    if _QUOTA.search(str(error)):
        return RequestRejected(f"{subject}: {what}: {said(error)}")
    known = resolve_cause(_PERMISSIONS, str(error), what=what)
    return PlatformRefused(subject, known.diagnosis((said(error),)))
