"""Reading a ``dcluster`` connection into settings."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import InvalidSpec, NotFound
from dcluster_provider.core.explain import nearest
from dcluster_provider.core.fields import LONGEST_TIME
from dcluster_provider.core.lifetime import Limits
from dcluster_provider.hooks.connection_type import require_dcluster
from dcluster_provider.hooks.form import FIELDS

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

DEFAULT_CONN_ID = "dcluster_default"
_PLATFORMS = ("local", "kubernetes")


def read_settings(conn_id: str) -> Settings:
    """The settings of a connection; ``dcluster_default`` need not exist and then means every default.

    :raises NotFound: another connection does not exist.
    :raises InvalidSpec: the connection is of another type, has an unknown field, or a value that cannot be accepted.
    """
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
        return settings_from(conn_id, {})
    require_dcluster(conn_id, connection)
    return settings_from(conn_id, dict(connection.extra_dejson))


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
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.hooks.job_settings import application_template, external_clusters, grafana_links
    from dcluster_provider.hooks.node_settings import node_settings

    for name in extra:
        if name not in FIELDS:
            raise InvalidSpec(f"connection {conn_id!r}: unknown field {name!r}{nearest(name, set(FIELDS))}")
    given = {name: value for name, value in extra.items() if value not in (None, "")}
    platform = str(given.get("platform", "local"))
    if platform not in _PLATFORMS:
        choice = nearest(platform, set(_PLATFORMS)) or "; write 'local' or 'kubernetes'"
        raise InvalidSpec(
            f"connection {conn_id!r}: field platform: there is no platform {platform!r}{choice}"
        )
    deployment = str(given.get("deployment", "airflow"))
    home = _folder("home", _airflow_home() / "dcluster", given.get("home"))
    env = str(given.get("env", "dev"))
    nodes = node_settings(conn_id, given, deployment)
    kubernetes = _kubernetes(conn_id, given, deployment, nodes) if platform == "kubernetes" else None
    return Settings(
        conn_id=conn_id,
        registry_url=_registry_url(conn_id, given.get("registry_conn_id"), home),
        home=home,
        engines_folder=_folder("engines_folder", home / "engines"),
        deployment=deployment,
        env=env,
        limits=Limits(_seconds(conn_id, given, "idle_timeout"), _seconds(conn_id, given, "max_lifetime")),
        alert_after=_seconds(conn_id, given, "alert_after") or Settings.alert_after,
        alert_repeat=_seconds(conn_id, given, "alert_repeat"),
        spark_version=given.get("spark_version"),
        flink_version=given.get("flink_version"),
        java_home=given.get("java_home"),
        python=given.get("python"),
        job_log_url_template=given.get("job_log_url") or _own_log_page(conn_id),
        kubernetes=kubernetes,
        application=application_template(conn_id, given),
        external_clusters=external_clusters(conn_id, given),
        grafana=grafana_links(conn_id, given, env, kubernetes),
        nodes=nodes,
    )


def _kubernetes(
    conn_id: str, given: dict[str, Any], deployment: str, nodes: NodeSettings
) -> KubernetesSettings:
    from dcluster_provider.hooks.kubernetes_settings import kubernetes_settings

    settings = kubernetes_settings(conn_id, given, deployment)
    if nodes.cloud == "on-premises":
        return settings
    return replace(settings, new_node_timeout=int(nodes.registration_timeout.total_seconds()))


def _registry_url(conn_id: str, registry_conn_id: str | None, home: Path) -> str:
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


def _seconds(conn_id: str, given: dict[str, Any], name: str) -> timedelta | None:
    if name not in given:
        return None
    try:
        seconds = int(given[name])
    except (TypeError, ValueError):
        seconds = 0
    if not 1 <= seconds <= LONGEST_TIME:
        raise InvalidSpec(
            f"connection {conn_id!r}: field {name}: {given[name]!r} is not a number of seconds above 0, at most "
            f"{LONGEST_TIME}"
        )
    return timedelta(seconds=seconds)


def _folder(option: str, default: Path, given: str | None = None) -> Path:
    from airflow.sdk.configuration import conf

    configured = given or conf.get("dcluster", option, fallback="")
    return Path(configured).expanduser() if configured else default


def _own_log_page(conn_id: str) -> str:
    from airflow.sdk.configuration import conf

    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dcluster/{conn_id}/jobs/{{jobId}}/log"


def _airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
