"""The form of a ``dcluster`` connection, as Airflow gets it in every process; nothing is imported for it here."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class LazyForm(dict[str, Any]):
    """The fields of the form, made of the models of settings when somebody reads them first.

    Every process of Airflow gets the form with the provider's description; the API server alone reads it.
    """

    def _filled(self) -> dict[str, Any]:
        if not super().__len__():
            from dcluster_provider.hooks.connection_form import connection_form

            self.update(connection_form())
        return self

    def __getitem__(self, name: str) -> Any:
        self._filled()
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._filled()
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._filled()
        return super().__iter__()

    def __len__(self) -> int:
        self._filled()
        return super().__len__()

    def __repr__(self) -> str:
        self._filled()
        return super().__repr__()

    def get(self, name: str, default: Any = None, /) -> Any:
        """A field; another value where there is none of this name."""
        self._filled()
        return super().get(name, default)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """The names of the fields."""
        self._filled()
        return super().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """The fields."""
        self._filled()
        return super().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """The fields by their names."""
        self._filled()
        return super().items()
