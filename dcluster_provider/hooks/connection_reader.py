"""From the fields of a ``dcluster`` connection to the settings that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from dcluster_provider.control.backends import Backends
from dcluster_provider.core.backend import Backend
from dcluster_provider.core.connection_fields import ConnectionSettings
from dcluster_provider.core.errors import InvalidSpec, explain, nearest
from dcluster_provider.hooks.form import all_fields, own_fields

Model = TypeVar("Model", bound=ConnectionSettings)
Product = TypeVar("Product")

_MISSING = "is empty, and has no default"


class ConnectionReader:
    """Reads the fields of a connection that have a value, and what every model of settings can ask for.

    :param extra: of the connection; an empty field counts as one that is not there.
    :param home: the folder of what is kept on this machine.
    :param engines_folder: the folder of installed engines.
    :raises InvalidSpec: a field that nothing reads; the nearest one is named.
    """

    def __init__(self, conn_id: str, extra: dict[str, Any], home: Path, engines_folder: Path) -> None:
        self._conn_id = conn_id
        if not extra.keys() <= own_fields().keys():
            self._check_names(extra)
        given = {name: value for name, value in extra.items() if value not in (None, "")}
        self._values = given | {
            "conn_id": conn_id,
            "connection": conn_id,
            "home": home,
            "engines_folder": engines_folder,
        }

    def text(self, name: str) -> str:
        """A field as text; empty when it has no value."""
        return str(self._values.get(name, ""))

    def named(self, backends: Backends[Product]) -> Backend[Any, Product]:
        """The platform or cloud that the connection names.

        :raises InvalidSpec: there is none of this name.
        """
        try:
            return backends.get(self.text(backends.field) or own_fields()[backends.field].default)
        except InvalidSpec as error:
            raise InvalidSpec(f"connection {self._conn_id!r}: {error}") from None

    def read(self, model: type[Model], **more: Any) -> Model:
        """The settings that the fields mean.

        :param more: what else the model may ask for, by name.
        :raises InvalidSpec: a value that cannot be accepted, or is missing; each such field is named.
        """
        known = {field.alias or name for name, field in model.model_fields.items()}
        values = {name: value for name, value in (self._values | more).items() if name in known}
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise InvalidSpec(f"connection {self._conn_id!r}: {explain(error, missing=_MISSING)}") from None

    def _check_names(self, extra: dict[str, Any]) -> None:
        known = all_fields()
        for name in extra:
            if name not in known:
                raise InvalidSpec(
                    f"connection {self._conn_id!r}: unknown field {name!r}{nearest(name, set(known))}"
                )
