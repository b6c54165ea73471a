"""Everything that one connection decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, InstanceOf, model_validator

from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.templates import ApplicationTemplate, GrafanaLinks
from dcluster_provider.core.connection_fields import (
    DEFAULT_DEPLOYMENT,
    PREFILLED,
    ConnectionSettings,
    Deployment,
    Duration,
    Text,
)
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.lifetime import Limits
from dcluster_provider.platforms.settings import PlatformSettings

if TYPE_CHECKING:
    from typing_extensions import Self

_ADDRESSES = {"type", "master", "rest"}


def _args(value: Any) -> Any:
    found = _parsed(value, '; write a list such as ["--client", "{client}"]')
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, str) for each in found):
        raise ValueError("is not a list of texts")
    return tuple(found)


def _external_clusters(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    found = _parsed(value, "")
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ValueError("is not an object of names and objects")
    return tuple(_external_cluster(str(name), each) for name, each in found.items())


def _external_cluster(name: str, given: Mapping[str, Any]) -> ExternalCluster:
    for field in given:
        if field not in _ADDRESSES:
            raise ValueError(f"{name}: unknown field {field!r}{nearest(field, _ADDRESSES)}")
    try:
        return ExternalCluster(
            name, str(given.get("type", "spark3")), str(given.get("rest", "")), str(given.get("master", ""))
        )
    except InvalidSpec as error:
        raise ValueError(str(error)) from None


def _parsed(value: Any, remedy: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"is not JSON ({error}){remedy}") from None


class Settings(ConnectionSettings):
    """A ``dcluster`` connection, with every default filled in.

    :param conn_id: the connection's id, stored with each cluster and job.
    :param registry_url: SQLAlchemy address of the registry; may hold a password, so it is kept out of ``repr``.
    :param platform_settings: of the platform that ``platform`` names.
    :param nodes: how machines are launched and released.
    """

    conn_id: str
    registry_url: str = Field(repr=False)
    platform_settings: PlatformSettings
    nodes: NodeSettings = Field(default_factory=NodeSettings)

    platform: Text = Field(
        "local",
        title="Platform",
        description="Where clusters run: local (the machine of the Airflow worker) or kubernetes (a Kubernetes "
        "cluster).",
        json_schema_extra=PREFILLED,
    )
    env: Text = Field(
        "dev",
        title="Environment",
        description="The second part of cluster names, {type}-{env}-{tenant}-{timestamp}.",
        json_schema_extra=PREFILLED,
    )
    deployment: Deployment = DEFAULT_DEPLOYMENT
    home: Path = Field(
        title="Home folder",
        description="Folder of the local platform's clusters, logs and SQLite registry; empty means the one of the "
        "[dcluster] configuration section, or AIRFLOW_HOME/dcluster.",
    )
    registry_conn_id: Text = Field(
        "",
        title="Registry connection",
        description="Id of a PostgreSQL connection for the registry; empty means SQLite in the home folder.",
    )
    idle_timeout: Duration | None = Field(
        None,
        title="Idle timeout",
        description="Seconds without a job, and with nothing at work on its engine, after which a check terminates a "
        "cluster; empty means never.",
    )
    max_lifetime: Duration | None = Field(
        None,
        title="Maximum lifetime",
        description="Seconds after its launch at which a check terminates a cluster; empty means never.",
    )
    alert_after: Duration = Field(
        timedelta(days=1),
        title="Alert after",
        description="Seconds that a job may run before an alert is sent, unless its client has a threshold of its "
        "own.",
    )
    alert_repeat: Duration | None = Field(
        None,
        title="Repeat alerts after",
        description="Seconds after which the alert for a job that still runs is sent once more; empty means never.",
    )
    job_log_url_template: Text = Field(
        "",
        alias="job_log_url",
        title="Job log address",
        description="Address where a job's log is read, with {jobId} in it; empty means a page of this Airflow.",
    )
    application_template: Text = Field(
        "",
        title="Application template",
        description="Application file of a job that names none, with {client}, {module}, {codeVersion}, "
        "{pipelineVersion}, {pipelineConfig}, {moduleType} and {jobType} in it, such as "
        "/apps/{client}/{module}/{codeVersion}/main.py.",
    )
    main_class_template: Text = Field(
        "",
        title="Main class template",
        description="The class to run in such a file when it is a jar, with the same placeholders.",
    )
    args_template: Annotated[tuple[str, ...], BeforeValidator(_args)] = Field(
        (),
        title="Arguments template",
        description="The arguments of such a file, a JSON list of texts with the same placeholders.",
    )
    external_clusters: Annotated[
        tuple[InstanceOf[ExternalCluster], ...], BeforeValidator(_external_clusters)
    ] = Field(
        (),
        title="External clusters",
        description="Clusters for useExternalCluster that others run, a JSON object by their names: "
        '{"reports": {"type": "spark3", "master": "spark://host:7077", "rest": "http://host:8080"}}.',
    )
    grafana_url: Text = Field(
        "",
        title="Grafana address",
        description="Address where logs are read in Grafana, with {search} (the id), {clusterId}, {clusterName}, "
        "{jobId}, {tenant}, {client}, {module}, {namespace}, {env}, {deployment}, {from} and {to} in it.",
    )

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        _ = self.application, self.grafana
        return self

    @property
    def limits(self) -> Limits:
        """How long clusters may live unless they say otherwise."""
        return Limits(self.idle_timeout, self.max_lifetime)

    @property
    def application(self) -> ApplicationTemplate:
        """What a job that names no application runs."""
        return ApplicationTemplate(self.application_template, self.main_class_template, self.args_template)

    @property
    def grafana(self) -> GrafanaLinks:
        """What makes addresses of logs in Grafana."""
        platform = self.platform_settings
        return GrafanaLinks(self.grafana_url, self.env, platform.namespace, platform.external_namespace)

    def job_log_url(self, job_id: int) -> str:
        """Where a person reads the log of a job, or nothing when no address is configured."""
        return self.job_log_url_template.replace("{jobId}", str(job_id))
