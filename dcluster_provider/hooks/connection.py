"""Reading a ``dcluster`` connection into settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcluster_provider.core.errors import InvalidSpec, NotFound
from dcluster_provider.hooks.connection_type import require_dcluster

if TYPE_CHECKING:
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.connection_fields import ConnectionSettings
    from dcluster_provider.hooks.connection_reader import ConnectionReader

DEFAULT_CONN_ID = "dcluster_default"

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
    from dcluster_provider.hooks.connection_reader import ConnectionReader

    home = _folder("home", _airflow_home() / "dcluster", extra.get("home"))
    return ConnectionReader(conn_id, extra, home, _folder("engines_folder", home / "engines"))


def _registry_url(conn_id: str, registry_conn_id: str, home: Path) -> str:
    if not registry_conn_id:
        return f"sqlite:///{home / 'registry.db'}"
    from airflow.sdk import BaseHook

    from dcluster_provider.hooks.registry_connection import postgresql_url

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
