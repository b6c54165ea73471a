"""The fields of a ``dcluster`` connection: the form that they make, and the settings that they mean."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from dcluster_provider.control.backends import Backends, clouds, platforms
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.settings import Settings
from dcluster_provider.core.backend import Backend
from dcluster_provider.core.connection_fields import PREFILLED, ConnectionSettings
from dcluster_provider.core.errors import InvalidSpec, explain, nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_TYPES: dict[Any, str] = {bool: "boolean", int: "integer", timedelta: "integer"}
_MISSING = "is empty, and has no default"

Model = TypeVar("Model", bound=ConnectionSettings)
Product = TypeVar("Product")


@cache
def own_fields() -> dict[str, FieldInfo]:
    """The fields of a connection that this package reads, by their names."""
    models: list[type[ConnectionSettings]] = [
        Settings,
        *(backend.settings for backend in platforms.own.values()),
        NodeSettings,
        *(backend.settings for backend in clouds.own.values()),
    ]
    return {name: field for model in models for name, field in model.connection_fields().items()}


def all_fields() -> dict[str, FieldInfo]:
    """The same with those of platforms and clouds that other distributions install; a name of ours stays ours."""
    own = own_fields()
    installed = [*platforms.installed.values(), *clouds.installed.values()]
    fields = {name: field for each in installed for name, field in each.settings.connection_fields().items()}
    return own | {name: field for name, field in fields.items() if name not in own}


def connection_form() -> dict[str, dict[str, Any]]:
    """The fields as the connection form of Airflow has them (``conn-fields`` of a provider)."""
    form = {name: _form_field(field) for name, field in all_fields().items()}
    for backends in (platforms, clouds):
        form[backends.field]["schema"]["enum"] = [*backends.everything, None]
    return form


def default_of(field: FieldInfo) -> str:
    """A field's default as a person writes it in the form; empty where it has none."""
    default = field.default
    if isinstance(default, timedelta):
        return str(int(default.total_seconds()))
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, (str, int)) else ""


def _form_field(field: FieldInfo) -> dict[str, Any]:
    kind, default = _bare(field.annotation), default_of(field)
    schema: dict[str, Any] = {"type": [_TYPES.get(kind, "string"), "null"]}
    if get_origin(kind) is Literal:
        schema["enum"] = [*get_args(kind), None]
    description = field.description or ""
    if field.json_schema_extra == PREFILLED:
        schema["default"] = default
    elif default and kind is not bool:
        description = f"{description.removesuffix('.')}; empty means {default}."
    return {"label": field.title, "description": description, "schema": schema}


def _bare(annotation: Any) -> Any:
    """A type without its validators, and without the none that stands for no value."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    parts = [part for part in get_args(annotation) if part is not NoneType]
    return _bare(parts[0]) if NoneType in get_args(annotation) else annotation


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
