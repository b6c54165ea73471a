"""The form of a ``dcluster`` connection, made of the models of its settings."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from dcluster_provider.control.backends import clouds, platforms
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.settings import Settings
from dcluster_provider.core.connection_fields import PREFILLED, ConnectionSettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_TYPES: dict[Any, str] = {bool: "boolean", int: "integer", timedelta: "integer"}


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
