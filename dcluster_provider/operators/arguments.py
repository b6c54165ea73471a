"""From an operator's arguments to a specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import Spec, parse

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


def build_spec(operator: BaseOperator, kind: type[Spec], names: Iterable[str]) -> Spec:
    """The specification that an operator's rendered arguments mean.

    :param names: the attributes that hold fields; those that are none were not given.
    :raises InvalidSpec: it cannot be accepted, or ``spec`` and single fields were given together.
    """
    return parse(kind, given_fields(operator, kind, names))


def given_fields(operator: BaseOperator, kind: type[Spec], names: Iterable[str]) -> dict[str, Any] | str:
    """The fields given to an operator, singly or as ``spec``."""
    fields = {name: getattr(operator, name) for name in names if getattr(operator, name) is not None}
    whole = getattr(operator, "spec", None)
    if whole is None:
        return fields
    if fields:
        raise InvalidSpec(
            f"{kind.__name__}: spec and {', '.join(sorted(fields))} were given together; put every field into spec"
        )
    return whole  # type: ignore[no-any-return]


def literal_spec(operator: BaseOperator, kind: type[Spec], names: Iterable[str]) -> Spec | None:
    """The specification while the DAG file is parsed, or nothing while some of it waits for templating.

    :raises InvalidSpec: it cannot be accepted.
    """
    fields = given_fields(operator, kind, names)
    return parse(kind, fields) if fields and is_literal(fields) else None


def is_literal(value: Any) -> bool:
    """Whether nothing in an argument waits for templating."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and not value.endswith((".json", ".j2"))
    if isinstance(value, Mapping):
        return all(is_literal(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(is_literal(item) for item in value)
    return value is None or isinstance(value, (int, float))
