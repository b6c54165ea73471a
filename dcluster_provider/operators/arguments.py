"""Makes specifications of the arguments of operators."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel, to_snake

from dcluster_provider.core.arguments import is_literal
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec, NotFound
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import Spec, parse

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

_FIELDS = {name for kind in (ClusterSpec, JobSpec, NodeRequest, DestroyRequest) for name in kind.model_fields}
_API_NAMES = re.compile(rf"\b({'|'.join(sorted(to_camel(name) for name in _FIELDS if '_' in name))})\b")


def build_spec(operator: BaseOperator, kind: type[Spec], names: Iterable[str]) -> Spec:
    """The specification that an operator's rendered arguments make.

    :param names: the attributes that hold fields; None means that a field was not given.
    :raises InvalidSpec: the specification is invalid, or ``spec`` and single fields were given together.
    """
    return _parsed(operator, kind, given_fields(operator, kind, names))


def given_fields(operator: BaseOperator, kind: type[Spec], names: Iterable[str]) -> dict[str, Any] | str:
    """The fields given to an operator, as single arguments or as ``spec``."""
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
    """The specification while the DAG file is parsed; None while a part of it waits for templating or for its file.

    :raises InvalidSpec: the specification is invalid.
    """
    fields = given_fields(operator, kind, names)
    if isinstance(fields, dict) and str(fields.get("sql")).endswith(tuple(operator.template_ext)):
        return None
    return _parsed(operator, kind, fields) if fields and is_literal(fields) else None


@contextmanager
def failing_for_good(operator: BaseOperator) -> Iterator[None]:
    """Fail without a retry for errors in an operator's arguments, because a retry would find the same."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except (InvalidSpec, NotFound) as error:
        raise AirflowFailException(in_python_names(operator, str(error))) from error


def _parsed(operator: BaseOperator, kind: type[Spec], fields: dict[str, Any] | str) -> Spec:
    try:
        return parse(kind, fields)
    except InvalidSpec as error:
        raise InvalidSpec(in_python_names(operator, str(error))) from None


def in_python_names(operator: BaseOperator, message: str) -> str:
    """A message about fields, with the names of an operator's arguments unless ``spec`` is JSON text.

    A specification may come from the API, so its own messages have the API's names.
    """
    if isinstance(getattr(operator, "spec", None), str):
        return message
    return _API_NAMES.sub(lambda found: to_snake(found[0]), message)
