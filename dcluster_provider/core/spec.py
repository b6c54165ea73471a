"""Reading a specification: of an object, of JSON, and of what was copied from a page."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from dcluster_provider.core.entity import Entity
from dcluster_provider.core.errors import InvalidSpec, explain
from dcluster_provider.core.redaction import REDACTED

Spec = TypeVar("Spec", bound="Entity")


def parse(kind: type[Spec], value: Spec | dict[str, Any] | str) -> Spec:
    """Read a specification.

    :param kind: :class:`ClusterSpec` or :class:`JobSpec`.
    :param value: one already read, a mapping with snake_case or camelCase names, or JSON text of such an object.
    :raises InvalidSpec: it cannot be accepted; the message names each field and, for an unknown one, the nearest.
    """
    if isinstance(value, kind):
        return value
    try:
        if isinstance(value, str):
            value = json.loads(value)
        return kind.model_validate(value)
    except json.JSONDecodeError as error:
        raise InvalidSpec(
            f"{kind.__name__}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except ValidationError as error:
        raise InvalidSpec(f"{kind.__name__}: {explain(error)}") from None


def reject_redacted(spec: Spec) -> Spec:
    """The specification, unless it was copied from where its secrets are not shown.

    :raises InvalidSpec: naming the setting, or the field.
    """
    settings: dict[str, str] = getattr(spec, "extra_cmd", None) or getattr(spec, "extra_configs", None) or {}
    settings = settings | getattr(spec, "env", {})
    copied = [name for name, value in settings.items() if REDACTED in value]
    copied += ["sql"] if REDACTED in (getattr(spec, "sql", None) or "") else []
    lists = {name: value for name, value in spec if isinstance(value, tuple)}
    copied += [to_camel(name) for name, texts in lists.items() if any(REDACTED in text for text in texts)]
    if copied:
        raise InvalidSpec(
            f"{type(spec).__name__}: {', '.join(copied)}: the value is not there, only what is shown in its place; "
            "write the secret itself"
        )
    return spec
