"""Refusing connections that are of another type than they are used as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import InvalidSpec, PlatformRefused

if TYPE_CHECKING:
    from airflow.sdk import Connection

CONN_TYPE = "dcluster"


def require_dcluster(conn_id: str, connection: Connection) -> None:
    """Refuse a connection that is none of a deployment of clusters.

    :raises InvalidSpec: naming it, its type, and what to do.
    """
    if connection.conn_type != CONN_TYPE:
        raise InvalidSpec(
            f"connection {conn_id!r} is of type {connection.conn_type or ''!r}, not {CONN_TYPE!r}; name one of type "
            f"{CONN_TYPE!r} in dcluster_conn_id, or make one (airflow connections add NAME --conn-type {CONN_TYPE})"
        )


def require_type(conn_id: str, types: Sequence[str], field: str) -> None:
    """Refuse a connection that a ``dcluster`` connection names and that is of another type.

    One that does not exist is for its own provider to judge, which may do without.

    :param types: those that it may be of; the first is told.
    :param field: of the ``dcluster`` connection, which names it.
    :raises PlatformRefused: naming it, its type, and what to do.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id).conn_type or ""
    except AirflowNotFoundException:
        return
    if found not in types:
        cause = f"It is of type {found!r}, and the field {field} takes one of type {types[0]!r}."
        remedy = f"Name another connection in the field {field}, or correct the type of this one."
        raise PlatformRefused(f"connection {conn_id!r}", Diagnosis(ConnectionCode.WRONG_TYPE, cause, remedy))
