"""The templates of a connection: of the addresses of logs, and of the application of a job that names none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote

from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import parse

LOG_PLACEHOLDERS = (
    "search",
    "clusterId",
    "clusterName",
    "cluster",
    "jobId",
    "tenant",
    "client",
    "module",
    "namespace",
    "env",
    "deployment",
    "from",
    "to",
)
APPLICATION_PLACEHOLDERS = {
    "client": "client",
    "module": "module",
    "codeVersion": "code_version",
    "pipelineVersion": "pipeline_version",
    "pipelineConfig": "pipeline_config",
    "moduleType": "module_type",
    "jobType": "job_type",
}


def check_template(field: str, text: str, placeholders: Collection[str]) -> None:
    """Reject a template that could not be filled.

    :param field: that holds it, for the message.
    :raises InvalidSpec: a brace without its pair, an unknown placeholder, or one with a format.
    """
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidSpec(
            f"field {field}: {text!r} is no template: {error}; write a brace that is meant as such twice"
        ) from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in placeholders:
            choice = nearest(name, set(placeholders)) or f"; the placeholders are {', '.join(placeholders)}"
            raise InvalidSpec(f"field {field}: there is no placeholder {{{name}}}{choice}")
        if form or conversion:
            raise InvalidSpec(f"field {field}: {{{name}}} takes no format; write the placeholder alone")


def fill_template(text: str, value_of: Callable[[str], str]) -> str:
    """A checked template with each placeholder replaced by the value that a function returns for it."""
    filled = ""
    for literal, name, _, _ in Formatter().parse(text):
        filled += literal + ("" if name is None else value_of(name))
    return filled


@dataclass(frozen=True)
class GrafanaLinks:
    """Makes addresses of a template such as ``https://grafana/d/1/logging?var-search={search}&from={from}&to={to}``.

    ``{search}`` is the job's id in the address of a job and the cluster's in that of a cluster. ``{from}`` and ``{to}``
    are the times of its start and end, in Grafana's format. In the address of a cluster, ``{jobId}`` and ``{module}``
    are empty and ``{client}`` is the tenant. Every value is URL-encoded.

    :param template: the template; empty makes every address empty.
    :param env: the ``{env}`` of the template.
    :param namespace: namespace of the clusters on Kubernetes.
    :param external_namespace: namespace of those with ``useExternalNamespace``.
    :raises InvalidSpec: a placeholder is unknown; the error names the nearest one.
    """

    template: str = ""
    env: str = ""
    namespace: str = ""
    external_namespace: str = ""

    def __post_init__(self) -> None:
        check_template("grafana_url", self.template, LOG_PLACEHOLDERS)

    def of_cluster(self, cluster: Cluster) -> str:
        """The address of a cluster's log; empty without a template."""
        ended = cluster.state_since if cluster.state.is_final else None
        return self._filled(
            cluster,
            cluster.spec.use_external_namespace,
            {
                "search": cluster.id,
                "client": cluster.spec.tenant,
                "from": _milliseconds(cluster.created_at.timestamp()),
                "to": _milliseconds(ended.timestamp()) if ended else "now",
            },
        )

    def of_job(self, job: Job, cluster: Cluster) -> str:
        """The address of a job's log; empty without a template."""
        # An external cluster has no namespace of the connection, but its jobs have one.
        placed = job.spec if cluster.is_external else cluster.spec
        return self._filled(
            cluster,
            placed.use_external_namespace,
            {
                "search": job.id,
                "jobId": job.id,
                "client": job.client,
                "module": job.module,
                "from": _milliseconds(job.created_at.timestamp()),
                "to": _milliseconds(job.ended_at.timestamp()) if job.ended_at else "now",
            },
        )

    def _filled(self, cluster: Cluster, outside: bool, values: dict[str, object]) -> str:
        known: dict[str, object] = {
            "clusterId": cluster.id,
            "clusterName": cluster.name,
            "cluster": cluster.name,
            "tenant": cluster.spec.tenant,
            "namespace": (outside and self.external_namespace) or self.namespace,
            "env": self.env,
            "deployment": cluster.deployment,
        }
        return fill_template(self.template, lambda name: quote(str((known | values).get(name, "")), safe=""))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


@dataclass(frozen=True)
class ApplicationTemplate:
    """Templates such as ``/apps/{client}/{module}/{codeVersion}/main.py``; an empty text means no template.

    :param application: the file to run.
    :param main_class: the class to run in a jar.
    :param args: the arguments, one template for each.
    :raises InvalidSpec: a placeholder is unknown; the error names the nearest one.
    """

    application: str = ""
    main_class: str = ""
    args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = [("application_template", self.application), ("main_class_template", self.main_class)]
        for field, text in (*fields, *(("args_template", each) for each in self.args)):
            check_template(field, text, APPLICATION_PLACEHOLDERS)
        if not self.application and (self.main_class or self.args):
            raise InvalidSpec(
                "field application_template: is empty, and the other templates mean nothing without it"
            )

    def fill(self, spec: JobSpec) -> JobSpec:
        """The job with an application: its own, or the template's if it has none.

        The job's own main class and arguments, if any, replace those of the templates.

        :raises InvalidSpec: there is no template, a field that it needs is empty, or a field that becomes part of the
            path is not the name of a single file or folder.
        """
        if spec.application or spec.sql is not None:
            return spec
        if not self.application:
            raise InvalidSpec(
                "JobSpec: field application: missing; name the .py, .jar or .sql file to run, write sql, or set "
                "application_template on the connection"
            )
        application = _filled_with("application_template", self.application, spec, _path_part)
        filled = {"application": application}
        if self.main_class and not spec.main_class and application.lower().endswith(".jar"):
            filled["main_class"] = _filled_with("main_class_template", self.main_class, spec, _anything)
        changes: dict[str, object] = dict(filled)
        if self.args and not spec.args and not application.lower().endswith(".sql"):
            changes["args"] = [_filled_with("args_template", text, spec, _anything) for text in self.args]
        return parse(JobSpec, spec.model_dump() | changes)


def _filled_with(field: str, text: str, spec: JobSpec, allow: Callable[[str, str], str]) -> str:
    def value_of(name: str) -> str:
        value = str(getattr(spec, APPLICATION_PLACEHOLDERS[name]))
        if not value:
            raise InvalidSpec(f"JobSpec: field {name}: is empty, and {field} of the connection needs it")
        return allow(name, value)

    return fill_template(text, value_of)


def _path_part(name: str, value: str) -> str:
    """The value of a field, rejected if it could lead to another folder, such as another client's."""
    if value in (".", "..") or any(character in value for character in "/\\%:"):
        raise InvalidSpec(
            f"JobSpec: field {name}: {value!r} cannot be part of the application's path; it has to be the name of "
            "one file or folder, without / \\ % or :"
        )
    return value


def _anything(_name: str, value: str) -> str:
    return value
