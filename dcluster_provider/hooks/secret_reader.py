"""Secrets of clusters and jobs, read from Airflow's connections and variables."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.environment import SecretReference
from dcluster_provider.core.errors import PlatformRefused


def read_secret(reference: SecretReference) -> str:
    """The value of a secret; Airflow masks it in what the process logs from then on.

    :raises PlatformRefused: there is no such connection or variable, or it has no such part.
    """
    from airflow.sdk.log import mask_secret

    value = _of_connection(reference) if reference.connection else _of_variable(reference)
    if not value:
        raise _missing(reference, f"There is no value in {reference.source}.")
    mask_secret(value)
    return value


def _of_connection(reference: SecretReference) -> str:
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


def _of_variable(reference: SecretReference) -> str:
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
