"""How the users' pages are built."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import dcluster_provider
from dcluster_provider.control.backends import Backends, clouds, platforms
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.settings import Settings
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.connection_fields import ConnectionSettings
from dcluster_provider.core.diagnosis import DiagnosisCode
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import Entity
from dcluster_provider.hooks.connection_form import default_of
from dcluster_provider.platforms.settings import PlatformSettings

project = "dcluster-provider"
release = dcluster_provider.__version__
extensions = ["myst_parser"]
exclude_patterns = ["images"]
html_theme = "furo"
html_title = f"dcluster-provider {release}"
myst_heading_anchors = 3

_TABLE = re.compile(r"^<!-- fields of (\w+) -->$", re.MULTILINE)
_CODES = "<!-- codes of diagnoses -->"
_SPECS: dict[str, type[Entity]] = {"ClusterSpec": ClusterSpec, "JobSpec": JobSpec}
_SETTINGS: dict[str, type[ConnectionSettings]] = {
    "Settings": Settings,
    "PlatformSettings": PlatformSettings,
    "NodeSettings": NodeSettings,
}
_BACKENDS = {"platforms": platforms, "clouds": clouds}
_TYPES = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "str",
    "array": "list",
    "object": "dict",
}


def with_field_tables(page: str) -> str:
    """A page whose markers (``<!-- fields of JobSpec -->``) are replaced by the tables of the fields."""
    return _TABLE.sub(lambda found: _table_of(found[1]), page)


def _table_of(name: str) -> str:
    if name in _BACKENDS:
        return "\n\n".join(_sections(_BACKENDS[name]))
    return _field_table(_SPECS[name]) if name in _SPECS else _connection_table(_SETTINGS[name])


def _sections(backends: Backends[Any]) -> Iterator[str]:
    """A section for each platform or cloud that has fields of its own."""
    for name, backend in backends.own.items():
        table = _connection_table(backend.settings)
        if table.count("\n") > 1:
            yield f"### {backends.field.capitalize()} {name}\n\n{table}"


def _connection_table(model: type[ConnectionSettings]) -> str:
    rows = ["| Field | Default | Meaning |", "| --- | --- | --- |"]
    above = {Settings: (), PlatformSettings: (Settings,)}.get(model, (Settings, PlatformSettings))
    common = {name for each in above for name in each.connection_fields()}
    for name, field in model.connection_fields().items():
        if name not in common:
            # The home has no default in the model: the reader of the connection knows it.
            is_required = field.is_required() and model is not Settings
            default = "required" if is_required else _default(default_of(field))
            rows.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(rows)


def _field_table(spec: type[Entity]) -> str:
    rows = ["| Argument | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    schemas = spec.model_json_schema(by_alias=False)["properties"]
    for name, field in spec.model_fields.items():
        default = "required" if field.is_required() else _default(schemas[name].get("default"))
        rows.append(f"| `{name}` | {_type(schemas[name])} | {default} | {field.description} |")
    return "\n".join(rows)


def _type(schema: dict[str, Any]) -> str:
    found = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    if "enum" in found:
        return ", ".join(f"`{each}`" for each in found["enum"])
    lowest, highest = found.get("minimum"), found.get("maximum")
    if highest is None or highest >= 2**31 - 1:
        bounds = "" if lowest is None else f", at least {lowest:g}"
    else:
        bounds = f", {lowest:g} to {highest:g}"
    return _TYPES[found["type"]] + bounds


def _default(value: Any) -> str:
    return "" if value in (None, "", []) else f"`{value}`"


def with_code_tables(page: str) -> str:
    """A page whose marker (``<!-- codes of diagnoses -->``) is replaced by the tables of all codes, one a subject."""
    if _CODES not in page:
        return page
    package = Path(dcluster_provider.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if "(DiagnosisCode):" in path.read_text():
            import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    subjects = sorted(DiagnosisCode.__subclasses__(), key=lambda kind: kind.__module__)
    return page.replace(_CODES, "\n\n".join(_code_table(kind) for kind in subjects))


def _code_table(kind: type[DiagnosisCode]) -> str:
    rows = [f"| `{code}` | {code.meaning} |" for code in sorted(kind)]
    return "\n".join(
        [f"### {str(kind.__doc__).rstrip('.')}", "", "| Code | Given when |", "| --- | --- |", *rows]
    )


def setup(app: Any) -> None:
    """Called by Sphinx: the tables come into the pages before these are parsed."""

    def fill(_app: Any, _page: str, source: list[str]) -> None:
        source[0] = with_code_tables(with_field_tables(source[0]))

    app.connect("source-read", fill)
