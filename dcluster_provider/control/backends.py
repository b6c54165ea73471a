"""The platforms and clouds that a connection can name: those of this package, and those that others install.

Another distribution offers one by an entry point in the group ``dcluster_provider.platforms`` or
``dcluster_provider.clouds``: its name is what connections call it, and it leads to a
:class:`~dcluster_provider.core.backend.Backend`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dcluster_provider.core.backend import Backend
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.nodes.table import CLOUDS
from dcluster_provider.platforms.table import PLATFORMS

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.base import Platform

_LOG = logging.getLogger(__name__)

Product = TypeVar("Product")


class Backends(Generic[Product]):
    """Backends of one kind, by name.

    Entry points are looked for only when a name or a field is not this package's own, which takes a while: every
    installed distribution is read.

    :param field: of the connection, which names one of them.
    :param own: those of this package.
    """

    def __init__(self, field: str, own: Mapping[str, Backend[Any, Product]]) -> None:
        self.field = field
        self.own = own
        self.group = f"dcluster_provider.{field}s"

    @cached_property
    def installed(self) -> Mapping[str, Backend[Any, Product]]:
        """Those of other distributions; one that cannot be imported is logged and left out."""
        found: dict[str, Backend[Any, Product]] = {}
        for entry_point in entry_points(group=self.group):
            backend = self._load(entry_point)
            if backend is not None and entry_point.name not in self.own:
                found[entry_point.name] = backend
        return found

    @property
    def everything(self) -> Mapping[str, Backend[Any, Product]]:
        """All of them, this package's own first."""
        return {**self.own, **self.installed}

    def get(self, name: str) -> Backend[Any, Product]:
        """The backend of a name.

        :raises InvalidSpec: there is none; the nearest one is named.
        """
        found = self.own.get(name) or self.installed.get(name)
        if found is None:
            known = self.everything
            raise InvalidSpec(
                f"field {self.field}: there is no {self.field} {name[:40]!r}"
                f"{nearest(name, set(known)) or '; write one of ' + ', '.join(known)}"
            )
        return found

    def _load(self, entry_point: EntryPoint) -> Backend[Any, Product] | None:
        try:
            backend = entry_point.load()
        except Exception:  # noqa: BLE001  # what another distribution raises must not take this one down
            _LOG.warning(
                "The %s %r of %s cannot be imported",
                self.field,
                entry_point.name,
                entry_point.value,
                exc_info=True,
            )
            return None
        if not isinstance(backend, Backend):
            _LOG.warning(
                "The %s %r of %s is not a Backend but %r",
                self.field,
                entry_point.name,
                entry_point.value,
                type(backend).__name__,
            )
            return None
        return backend


platforms: Backends[Platform] = Backends("platform", PLATFORMS)
clouds: Backends[Cloud] = Backends("cloud", CLOUDS)
