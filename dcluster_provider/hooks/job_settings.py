"""Reading the fields that concern jobs from a ``dcluster`` connection."""

from __future__ import annotations

import json
from typing import Any

from dcluster_provider.control.application_template import ApplicationTemplate
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.control.log_links import GrafanaLinks
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def application_template(conn_id: str, given: dict[str, Any]) -> ApplicationTemplate:
    """The templates of applications.

    :raises InvalidSpec: a template that cannot be filled; the connection and field are named.
    """
    args = _texts(conn_id, "args_template", given.get("args_template", ()))
    application, main_class = (
        str(given.get(name, "")) for name in ("application_template", "main_class_template")
    )
    try:
        return ApplicationTemplate(application, main_class, args)
    except InvalidSpec as error:
        raise InvalidSpec(f"connection {conn_id!r}: {error}") from None


def external_clusters(conn_id: str, given: dict[str, Any]) -> tuple[ExternalCluster, ...]:
    """The clusters that somebody else runs.

    :raises InvalidSpec: what is not such an object, or an address that cannot be; the connection and field are named.
    """
    where = f"connection {conn_id!r}: field external_clusters"
    value = given.get("external_clusters", {})
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidSpec(f"{where}: is not JSON ({error})") from None
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise InvalidSpec(f"{where}: is not an object of names and objects")
    return tuple(_external_cluster(where, name, each) for name, each in value.items())


def _external_cluster(where: str, name: str, given: dict[str, Any]) -> ExternalCluster:
    known = {"type", "master", "rest"}
    for field in given:
        if field not in known:
            raise InvalidSpec(f"{where}: {name}: unknown field {field!r}{nearest(field, known)}")
    try:
        return ExternalCluster(
            name, str(given.get("type", "spark3")), str(given.get("rest", "")), str(given.get("master", ""))
        )
    except InvalidSpec as error:
        raise InvalidSpec(f"{where}: {error}") from None


def grafana_links(
    conn_id: str, given: dict[str, Any], env: str, kubernetes: KubernetesSettings | None
) -> GrafanaLinks:
    """What makes addresses of logs in Grafana.

    :raises InvalidSpec: a template that cannot be filled; the connection and field are named.
    """
    template = str(given.get("grafana_url", ""))
    try:
        if kubernetes is None:
            return GrafanaLinks(template, env)
        return GrafanaLinks(template, env, kubernetes.namespace, kubernetes.external_namespace)
    except InvalidSpec as error:
        raise InvalidSpec(f"connection {conn_id!r}: {error}") from None


def _texts(conn_id: str, field: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidSpec(
                f'connection {conn_id!r}: field {field}: is not JSON ({error}); write a list such as ["--client", '
                '"{client}"]'
            ) from None
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise InvalidSpec(f"connection {conn_id!r}: field {field}: is not a list of texts")
    return tuple(value)
