"""Reading a ``dcluster`` connection into settings, with the address of the registry that it names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import InvalidSpec, NotFound, PlatformRefused, nearest

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.connection_fields import ConnectionSettings
    from dcluster_provider.hooks.connection_form import ConnectionReader

DEFAULT_CONN_ID = "dcluster_default"
CONN_TYPE = "dcluster"
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

Model = TypeVar("Model", bound="ConnectionSettings")


def read_settings(conn_id: str) -> Settings:
    """The settings of a connection; ``dcluster_default`` need not exist and then means every default.

    :raises NotFound: another connection does not exist.
    :raises InvalidSpec: the connection is of another type, has an unknown field, or a value that cannot be accepted.
    """
    return settings_from(conn_id, _extra(conn_id))


def read_backend_settings(conn_id: str, model: type[Model]) -> Model:
    """What a connection says to one backend, whether it names that as its platform or cloud or another.

    :raises NotFound: the connection does not exist.
    :raises InvalidSpec: as for :func:`read_settings`.
    """
    return _fields(conn_id, _extra(conn_id)).read(model)


def _extra(conn_id: str) -> dict[str, Any]:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    use_secret_names()
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if conn_id != DEFAULT_CONN_ID:
            raise NotFound(
                f"There is no connection {conn_id!r}; make one of type 'dcluster', or leave it out: "
                f"{DEFAULT_CONN_ID!r} need not exist"
            ) from None
        return {}
    require_dcluster(conn_id, connection)
    return dict(connection.extra_dejson)


def use_secret_names() -> None:
    """Have what the [dcluster] configuration section calls a secret count as one in this process.

    :raises InvalidSpec: it is no regular expression.
    """
    from airflow.sdk.configuration import conf

    from dcluster_provider.core.redaction import count_as_secret

    try:
        count_as_secret(conf.get("dcluster", "secret_names", fallback=""))
    except ValueError as error:
        raise InvalidSpec(f"[dcluster] secret_names: {error}") from None


def settings_from(conn_id: str, extra: dict[str, Any]) -> Settings:
    """The settings that the extra of a connection means, with what the [dcluster] configuration section adds.

    :raises InvalidSpec: an unknown field or a value that cannot be accepted; the connection and field are named.
    """
    # A DAG file names connections and reads none, so it does not pay for this.
    from dcluster_provider.control.backends import clouds, platforms
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.control.settings import Settings

    fields = _fields(conn_id, extra)
    cloud = fields.read(fields.named(clouds).settings)
    nodes = fields.read(NodeSettings, cloud_settings=cloud)
    timeout = int(nodes.registration_timeout.total_seconds()) if cloud.can_launch else 0
    platform = fields.read(fields.named(platforms).settings, new_node_timeout=timeout)
    return fields.read(
        Settings,
        platform_settings=platform,
        nodes=nodes,
        registry_url=_registry_url(conn_id, fields.text("registry_conn_id"), Path(fields.text("home"))),
        job_log_url=fields.text("job_log_url") or _own_log_page(conn_id),
    )


def _fields(conn_id: str, extra: dict[str, Any]) -> ConnectionReader:
    from dcluster_provider.hooks.connection_form import ConnectionReader

    home = _folder("home", _airflow_home() / "dcluster", extra.get("home"))
    return ConnectionReader(conn_id, extra, home, _folder("engines_folder", home / "engines"))


def _registry_url(conn_id: str, registry_conn_id: str, home: Path) -> str:
    if not registry_conn_id:
        return f"sqlite:///{home / 'registry.db'}"
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(registry_conn_id)
    if connection.conn_type not in ("postgres", "postgresql"):
        raise InvalidSpec(
            f"connection {conn_id!r}: field registry_conn_id: {registry_conn_id!r} is of type "
            f"{connection.conn_type!r}; name a connection of type 'postgres'{_hint_for(connection.conn_type)}"
        )
    return postgresql_url(registry_conn_id, connection)


def _hint_for(conn_type: str | None) -> str:
    if conn_type != "generic":
        return ""
    return (
        ". Airflow stores 'generic' for a type whose provider is not installed: install dcluster-provider[postgres], "
        "then delete the connection and add it again"
    )


def _folder(option: str, default: Path, given: str | None = None) -> Path:
    from airflow.sdk.configuration import conf

    configured = given or conf.get("dcluster", option, fallback="")
    return Path(configured).expanduser() if configured else default


def _own_log_page(conn_id: str) -> str:
    from airflow.sdk.configuration import conf

    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dcluster/{conn_id}/jobs/{{jobId}}/log"


def _airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()


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
