"""Secrets that Airflow masks in logs and rendered templates, and those that its connections and variables hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.environment import SecretReference
from dcluster_provider.core.errors import PlatformRefused
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


def read_secret(reference: SecretReference) -> str:
    """The value of a secret; Airflow masks it in what the process logs from then on.

    :raises PlatformRefused: there is no such connection or variable, or it has no such part.
    """
    from airflow.sdk.log import mask_secret

    value = _value_in_connection(reference) if reference.connection else _value_of_variable(reference)
    if not value:
        raise _missing(reference, f"There is no value in {reference.source}.")
    mask_secret(value)
    return value


def _value_in_connection(reference: SecretReference) -> str:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(reference.connection)
    except AirflowNotFoundException as error:
        raise _missing(reference, f"There is no connection {reference.connection!r}.") from error
    part, _, name = reference.part.partition(".")
    if name:
        value = connection.extra_dejson.get(name)
    else:
        value = connection.get_uri() if part == "uri" else getattr(connection, part)
    return "" if value is None else str(value)


def _value_of_variable(reference: SecretReference) -> str:
    from airflow.sdk import Variable

    value = Variable.get(reference.variable, default=None)
    return "" if value is None else str(value)


def _missing(reference: SecretReference, cause: str) -> PlatformRefused:
    diagnosis = Diagnosis(
        ConnectionCode.CREDENTIALS_MISSING,
        cause,
        "Make it in Airflow, or correct the field secrets.",
        (f"secrets: {reference.name} from {reference.source}",),
    )
    return PlatformRefused(f"secret {reference.name}", diagnosis)
