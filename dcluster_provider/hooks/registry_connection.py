"""The address of the registry from the connection of Airflow that leads to its PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import InvalidSpec, nearest

if TYPE_CHECKING:
    from airflow.sdk import Connection

# What a connection string of PostgreSQL may name beside server, database and user.
_LIBPQ = frozenset(
    """
    hostaddr passfile require_auth channel_binding connect_timeout client_encoding options application_name
    fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout
    replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslkeylogfile sslpassword
    sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version
    krbsrvname gsslib gssdelegation service target_session_attrs load_balance_hosts
    """.split()  # noqa: SIM905  # to be read and compared with PostgreSQL's own list
)
# What Airflow's own hook does with its connections and the registry does not need.
_OF_AIRFLOW = frozenset({"cursor", "dialect", "enable_log_db_messages", "placeholder"})
_OF_AIRFLOW |= {"sqlalchemy_query", "sqlalchemy_scheme"}
# How Airflow's own hook gets a password elsewhere, which the registry does not.
_SIGN_IN = frozenset({"aws_conn_id", "azure_conn_id", "azure_oauth_scope", "cluster-identifier", "iam"})
_SIGN_IN |= {"redshift", "redshift-serverless", "workgroup-name"}


def postgresql_url(conn_id: str, connection: Connection) -> str:
    """SQLAlchemy's address of the database that a connection of type ``postgres`` leads to.

    :param conn_id: of that connection, for errors.
    :raises InvalidSpec: an extra of it would have to be heeded and is not, or is unknown to PostgreSQL's client.
    """
    from importlib.util import find_spec

    from sqlalchemy.engine import URL

    driver = "psycopg2" if find_spec("psycopg2") else "psycopg"
    url = URL.create(
        f"postgresql+{driver}",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=_parameters(conn_id, connection.extra_dejson),
    )
    return url.render_as_string(hide_password=False)


def _parameters(conn_id: str, extra: dict[str, Any]) -> dict[str, str]:
    for name, value in extra.items():
        if name in _SIGN_IN and value not in (None, "", False, "false", "False"):
            raise InvalidSpec(
                f"connection {conn_id!r}: extra {name}: the registry signs in by login and password alone; name a "
                "connection that has them in registry_conn_id"
            )
        if name not in _LIBPQ | _OF_AIRFLOW | _SIGN_IN:
            raise InvalidSpec(
                f"connection {conn_id!r}: extra {name}: is unknown to PostgreSQL's client{nearest(name, _LIBPQ)}; name "
                "a connection without it in registry_conn_id"
            )
    return {name: str(value) for name, value in extra.items() if name in _LIBPQ}
