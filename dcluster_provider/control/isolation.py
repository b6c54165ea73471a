"""Isolation of errors in a batch: one cluster or job does not hold up the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, RegistryUnusable

_LOG = logging.getLogger(__name__)


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
