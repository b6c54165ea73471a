"""Telling Airflow which values are secrets: it masks them in logs and in rendered templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from dcluster_provider.core.redaction import redaction


def mask_secrets(arguments: Iterable[Any]) -> None:
    """Have Airflow mask what is a secret by its name in the rendered arguments of an operator.

    :param arguments: mappings of settings, lists of a program's arguments, and JSON text of either; what a mapping
        has below ``sql`` is SQL.
    """
    from airflow.sdk.log import mask_secret

    from dcluster_provider.hooks.connection import use_secret_names

    use_secret_names()
    for argument in arguments:
        for secret in secrets_of(argument):
            mask_secret(secret)


def secrets_of(argument: Any) -> Iterator[str]:
    """The values in an argument that are secrets."""
    if isinstance(argument, str) and argument.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            yield from secrets_of(json.loads(argument))
    elif isinstance(argument, Mapping):
        yield from redaction().secrets_in({str(k): str(v) for k, v in argument.items() if _is_scalar(v)})
        if isinstance(argument.get("sql"), str):
            yield from redaction().secrets_in_sql(argument["sql"])
        for item in argument.values():
            yield from secrets_of(item)
    elif isinstance(argument, (list, tuple)):
        yield from redaction().secrets_in({}, (str(item) for item in argument if _is_scalar(item)))
        for item in argument:
            if not isinstance(item, str):
                yield from secrets_of(item)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
