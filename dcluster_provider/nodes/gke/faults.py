"""Translates Google's errors into errors of this package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dcluster_provider.core.cause_patterns import CausePattern, resolve_cause
from dcluster_provider.core.diagnosis import ConnectionCode, DiagnosisCode
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
# What neither a status nor a reason shows.
_BUSY = re.compile(r"operation-|try again|currently|in progress|incompatible operation", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient\b.*\bquota", re.IGNORECASE)
_RATES = {"rateLimitExceeded", "userRateLimitExceeded"}


class ResourceExists(DClusterError):
    """A resource of this name exists already."""


class ResourceNotFound(DClusterError):
    """No resource has this name."""


class RequestRejected(DClusterError):
    """The API rejects the request as it is."""


@contextmanager
def asking(subject: str, what: str) -> Iterator[None]:
    """Translate errors of Google's clients into errors of this package.

    :param subject: the API or resource, for the message.
    :param what: the request, for the message.
    :raises CloudUnavailable: the API did not answer, or the cluster is busy; a retry may work.
    :raises CredentialsRefused: the credentials are not valid any more.
    :raises PlatformRefused: a permission is missing; the error names it.
    :raises ResourceExists: a resource of this name exists already.
    :raises ResourceNotFound: no resource has this name.
    :raises RequestRejected: the API rejects the request.
    """
    from google.api_core import exceptions as google
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except google.Unauthenticated as error:
        raise CredentialsRefused(
            f"{subject}: {what}: the credentials are not accepted: {message_of(error)}"
        ) from error
    except google.Forbidden as error:
        raise _forbidden(subject, what, error) from error
    except (google.AlreadyExists, google.NotFound) as error:
        kind = ResourceExists if isinstance(error, google.AlreadyExists) else ResourceNotFound
        raise kind(f"{subject}: {what}: {message_of(error)}") from error
    except google.Conflict as error:
        if isinstance(error, google.Aborted):
            raise CloudUnavailable(f"{subject}: {what}: busy: {message_of(error)}") from error
        raise ResourceExists(f"{subject}: {what}: {message_of(error)}") from error
    except google.ClientError as error:
        raise _client_error(subject, what, error) from error
    except (google.GoogleAPIError, TransportError, RequestException) as error:
        raise CloudUnavailable(
            f"{subject}: {what}: no answer: {message_of(error)}; asking again may work"
        ) from error
    except GoogleAuthError as error:
        raise CredentialsRefused(f"{subject}: {what}: no valid credentials: {message_of(error)}") from error


def message_of(error: Exception) -> str:
    """The message of an error, in one line."""
    message = str(getattr(error, "message", "") or error)
    # The clients put the address of the request before the server's message.
    return re.sub(r"^[A-Z]+ https?://\S+: ", "", " ".join(message.split()))[:500]


def _client_error(subject: str, what: str, error: Exception) -> DClusterError:
    from google.api_core import exceptions as google

    if isinstance(error, google.Unauthorized):
        return CredentialsRefused(f"{subject}: {what}: the credentials are not accepted: {message_of(error)}")
    if isinstance(error, google.TooManyRequests | google.Cancelled) and not _QUOTA.search(str(error)):
        return CloudUnavailable(
            f"{subject}: {what}: too many requests: {message_of(error)}; asking again may work"
        )
    is_precondition = isinstance(error, google.FailedPrecondition | google.PreconditionFailed)
    if is_precondition and _BUSY.search(str(error)):
        return CloudUnavailable(f"{subject}: {what}: busy: {message_of(error)}")
    return RequestRejected(f"{subject}: {what}: {message_of(error)}")


def _forbidden(subject: str, what: str, error: Exception) -> DClusterError:
    reasons = {str(dict(it).get("reason")) for it in getattr(error, "errors", ()) if isinstance(it, dict)}
    if reasons & _RATES:
        return CloudUnavailable(
            f"{subject}: {what}: too many requests: {message_of(error)}; asking again may work"
        )
    if _QUOTA.search(str(error)):
        return RequestRejected(f"{subject}: {what}: {message_of(error)}")
    known = resolve_cause(_PERMISSIONS, str(error), what=what)
    return PlatformRefused(subject, known.diagnosis((message_of(error),)))
