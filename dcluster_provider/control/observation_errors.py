"""The clusters and jobs that cannot be observed: why, and since when; an error of one does not hold up the others.

One reason is that the connection was edited after the launch and leads to another location now. That a cluster is
absent from there proves nothing: it may be running where it was made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformRefused, RegistryUnusable
from dcluster_provider.core.identity import is_same_location
from dcluster_provider.core.observation import ObservationError
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.base import Platform

_LOG = logging.getLogger(__name__)
# A forbidden poll is retried for as long as it takes to notice the missing right and to grant it.
_REFUSED_SECONDS = 300.0
_KEPT_SECONDS = 600.0

Observation = TypeVar("Observation")


@dataclass
class Unobservable:
    """A cluster or job that cannot be observed.

    :param last: monotonic time of the last poll.
    :param refused_since: since when the platform forbids it; None when the platform only does not answer.
    """

    why: DClusterError
    last: float
    refused_since: float | None

    @property
    def has_given_up(self) -> bool:
        """Whether the platform has forbidden it for so long that waiting is pointless.

        A platform that does not answer is waited for without limit: what runs there keeps running.
        """
        return self.refused_since is not None and self.last - self.refused_since >= _REFUSED_SECONDS


class ObservationErrors:
    """The clusters or jobs that one process polls and cannot observe, by id."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._unobservable: dict[int, Unobservable] = {}

    def without_errors(self, polled: Mapping[int, Observation | ObservationError]) -> dict[int, Observation]:
        """The observations of a poll; errors are recorded and left out."""
        now = time.monotonic()
        observations: dict[int, Observation] = {}
        for number, found in polled.items():
            if isinstance(found, ObservationError):
                self._record(number, found, now)
            else:
                observations[number] = found
                self._unobservable.pop(number, None)
        # Other threads poll, too: a copy is made in one step, and what they add meanwhile is kept.
        for number, unobservable in self._unobservable.copy().items():
            if now - unobservable.last >= _KEPT_SECONDS:
                self._unobservable.pop(number, None)
        return observations

    def unobservable(self, number: int) -> Unobservable | None:
        """Why the last poll could not observe a cluster or job; none when it could."""
        return self._unobservable.get(number)

    def _record(self, number: int, found: ObservationError, now: float) -> None:
        known = self._unobservable.get(number)
        if known is None or str(known.why) != str(found.why):
            _LOG.warning("The state of %s %d is unknown now: %s", self._kind, number, found.why)
        refused_since = (known and known.refused_since) or now
        self._unobservable[number] = Unobservable(found.why, now, refused_since if found.is_refused else None)


def raise_if_given_up(unobservable: Unobservable | None) -> None:
    """Stop waiting for what the platform has forbidden for too long.

    :raises DClusterError: what the platform answered.
    """
    if unobservable is not None and unobservable.has_given_up:
        raise unobservable.why


def remote_error(platform: Platform, cluster: Cluster) -> ObservationError | None:
    """Why a cluster and its jobs cannot be observed or changed through this connection; None when they can.

    A cluster without a recorded location counts as local to the connection.
    """
    if not cluster.location:
        return None
    here = platform.location_of(cluster.spec)
    if is_same_location(cluster.location, here):
        return None
    return ObservationError(PlatformRefused(str(cluster), _is_remote(cluster, here)), is_refused=True)


def require_same_location(platform: Platform, cluster: Cluster) -> None:
    """Reject any action on a cluster at another location; the cluster stays as it is.

    :raises PlatformRefused: the cluster is remote; the error names both locations.
    """
    error = remote_error(platform, cluster)
    if error is not None:
        raise error.why


def _is_remote(cluster: Cluster, here: str) -> Diagnosis:
    return Diagnosis(
        ClusterCode.ELSEWHERE,
        f"It was made in {cluster.location}, and the connection now leads to {here}.",
        f"Restore the earlier value of connection {cluster.conn_id!r} until the cluster has ended, and use another "
        "connection for the new location. Until then the cluster is neither polled nor terminated, and keeps running.",
    )


@contextmanager
def isolate_errors(subject: object) -> Iterator[None]:
    """Log an error of one cluster or job, so that the batch continues with the others.

    :raises CredentialsRefused: no request can succeed any more.
    :raises RegistryUnusable: no result can be stored any more.
    """
    try:
        yield
    except (CredentialsRefused, RegistryUnusable):
        raise
    except (DClusterError, OSError) as error:
        _LOG.warning("%s will be retried at the next poll: %s", subject, error)
