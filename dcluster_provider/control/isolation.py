"""One cluster or job of many at its turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, RegistryUnusable

_LOG = logging.getLogger(__name__)


@contextmanager
def isolate_errors(subject: object) -> Iterator[None]:
    """Let what cannot be done for one cluster or job just now keep no other one from its turn.

    :raises CredentialsRefused: nothing can be done for any of them.
    :raises RegistryUnusable: neither can it.
    """
    try:
        yield
    except (CredentialsRefused, RegistryUnusable):
        raise
    except (DClusterError, OSError) as error:
        _LOG.warning("%s is gone on with at the next look: %s", subject, error)
