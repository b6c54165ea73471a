"""Parameters of DAGs from the fields of specifications, with what the Trigger form shows of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk import Param

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest
from dcluster_provider.dags.configuration import conn_ids
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID

_REQUEST = "Request"
_SECTIONS: dict[type[Entity], dict[str, tuple[str, ...]]] = {
    ClusterSpec: {
        "Cluster": (
            "tenant",
            "type",
            "workers",
            "min_workers",
            "max_workers",
            "worker_cpu",
            "worker_memory",
        ),
        "Master or JobManager": ("master_cpu", "master_memory", "use_on_demand_master"),
        "Life": ("long_living", "idle_timeout", "max_lifetime", "single_job"),
        "Engine and platform": (
            "extra_configs",
            "cluster_suffix",
            "launch_new_node",
            "launch_dynamic_disk",
            "use_external_namespace",
            "engine_version",
        ),
        "Environment": ("env", "secrets", "storage_conn_id", "kubernetes"),
        "Queue": ("queue_name", "priority_class_name", "driver_mem_gb"),
    },
    JobSpec: {
        "Job": ("client", "module", "job_type", "application", "sql", "main_class", "args"),
        "Cluster": (
            "cluster_id",
            "cluster_name",
            "use_long_living_cluster",
            "use_external_cluster",
            "use_external_namespace",
            "keep_alive",
        ),
        "Size": (
            "driver_mem_gb",
            "num_workers",
            "min_workers",
            "max_workers",
            "worker_cpu",
            "worker_mem_gb",
            "worker_daemon_memory",
            "master_memory",
        ),
        "Dependencies": (
            "py_files",
            "requirements",
            "jars",
            "packages",
            "repositories",
            "exclude_packages",
            "files",
            "archives",
        ),
        "Environment": ("env", "secrets", "storage_conn_id", "kubernetes", "docker_image_name"),
        "Queue": ("queue_name", "priority_class_name"),
        "Passed to the application": (
            "pipeline_version",
            "pipeline_config",
            "code_version",
            "module_type",
        ),
        "More": (
            "extra_cmd",
            "savepoint",
            "email_recipients",
            "allow_duplicate",
            "main_ended_timeout",
        ),
    },
    NodeRequest: {"Nodes": ("node_count", "instance_type", "region", "alternative_types")},
    DestroyRequest: {"Nodes": ("node_ids", "region")},
}
_KEPT = ("format", "minimum", "maximum", "enum", "maxLength", "minItems", "maxItems")
_WORDS = {"cpu": "CPU", "sql": "SQL", "mem": "memory", "gb": "(GiB)", "id": "id"}


def spec_params(kind: type[Entity], **defaults: Any) -> dict[str, Param]:
    """A parameter for every field of a specification, in the order of its sections in the form.

    Titles, descriptions and bounds are those that the specification declares.

    :param defaults: what the form starts with instead of the specification's own default.
    """
    section_of = {name: title for title, names in _SECTIONS[kind].items() for name in names}
    names = [*section_of, *(name for name in kind.model_fields if name not in section_of)]
    schemas = kind.model_json_schema(by_alias=False)["properties"]
    return {
        name: _param(
            name,
            schemas[name] | ({"default": defaults[name]} if name in defaults else {}),
            required=kind.model_fields[name].is_required(),
            section=section_of.get(name, "More"),
        )
        for name in names
    }


def spec_param(kind: type[Entity], name: str, section: str) -> Param:
    """The parameter for one field of a specification, in a section of the caller's."""
    schema = kind.model_json_schema(by_alias=False)["properties"][name]
    return _param(name, schema, required=kind.model_fields[name].is_required(), section=section)


def request_params(*, key: bool = False) -> dict[str, Param]:
    """The parameters that every bundled DAG for requests has.

    :param key: also the idempotency key, which the REST API fills in.
    """
    params = {
        "dcluster_conn_id": Param(
            DEFAULT_CONN_ID,
            type="string",
            minLength=1,
            title="Connection",
            description="Id of the dcluster connection; the default one need not exist.",
            section=_REQUEST,
        )
    }
    if key:
        params["request_key"] = Param(
            None,
            type=["string", "null"],
            title="Request key",
            description="Leave it empty: the REST API fills in the key of the request that the run carries out.",
            section=_REQUEST,
        )
    return params


def conn_ids_param() -> Param:
    """The parameter for the connections that a maintenance DAG covers."""
    return Param(
        conn_ids(),
        type="array",
        items={"type": "string", "minLength": 1},
        minItems=1,
        title="Connections",
        description="Ids of the dcluster connections to maintain, one per line; the default one need not exist.",
        section=_REQUEST,
    )


def dry_run_param() -> Param:
    """The parameter that makes a maintenance DAG report what it would do instead of doing it."""
    return Param(
        False,
        type="boolean",
        title="Dry run",
        description="Only report what would be done.",
        section=_REQUEST,
    )


def spec_json(kind: type[Entity]) -> Callable[[Mapping[str, Any]], str]:
    """A function for templates that makes a specification's JSON text of a run's parameters."""

    def text(params: Mapping[str, Any]) -> str:
        given = {name: params[name] for name in kind.model_fields if params.get(name) not in (None, "")}
        return json.dumps(given)

    return text


def _param(name: str, schema: dict[str, Any], *, required: bool, section: str) -> Param:
    variants = schema.get("anyOf", [schema])
    found = next(each for each in variants if each.get("type") != "null")
    is_plain_flag = found["type"] == "boolean" and len(variants) == 1
    optional = not required and not is_plain_flag and "enum" not in found
    description = schema["description"].replace("`", "")
    details: dict[str, Any] = {
        "type": [found["type"], "null"] if optional else found["type"],
        "title": _title(name),
        "description": description,
        "section": section,
        **{kept: found[kept] for kept in _KEPT if kept in found},
    }
    if found["type"] == "array":
        details["items"] = {"type": found["items"]["type"]}
    if found["type"] == "array" and found["items"]["type"] == "string":
        details["description"] = f"{description.rstrip('.')}, one per line."
    if required and found["type"] == "string":
        details["minLength"] = 1
    if required and "default" not in schema:
        return Param(**details)
    return Param(schema.get("default", {} if found["type"] == "object" else None), **details)


def _title(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[0].upper() + words[1:]
