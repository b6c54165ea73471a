"""Parameters of DAGs from the fields of specifications, with what the Trigger form shows of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk import Param

from dcluster_provider.core.spec import ClusterSpec, Entity, JobSpec
from dcluster_provider.dags.configuration import conn_ids
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID

_REQUEST = "Request"
_SECTIONS: dict[type[Entity], dict[str, tuple[str, ...]]] = {
    ClusterSpec: {
        "Cluster": ("tenant", "type", "workers", "worker_cpu", "worker_memory"),
        "Master or JobManager": ("master_cpu", "master_memory", "use_on_demand_master"),
        "Life": ("long_living", "idle_timeout", "max_lifetime", "single_job"),
        "Engine and platform": (
            "extra_configs",
            "cluster_suffix",
            "launch_new_node",
            "launch_dynamic_disk",
            "use_external_namespace",
        ),
    },
    JobSpec: {
        "Job": ("client", "module", "job_type", "application", "main_class", "args"),
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
            "worker_cpu",
            "worker_mem_gb",
            "worker_daemon_memory",
            "master_memory",
        ),
        "Handed to the application": (
            "pipeline_version",
            "pipeline_config",
            "code_version",
            "module_type",
        ),
        "More": (
            "extra_cmd",
            "docker_image_name",
            "savepoint",
            "email_recipients",
            "allow_duplicate",
            "main_ended_timeout",
        ),
    },
}
_KEPT = {"minimum": "minimum", "ge": "minimum", "maximum": "maximum", "le": "maximum", "enum": "enum"}
_KEPT |= {"maxLength": "maxLength"}
_WORDS = {"cpu": "CPU", "mem": "memory", "gb": "(GiB)", "id": "id"}


def spec_params(kind: type[Entity]) -> dict[str, Param]:
    """A parameter for every field of a specification, then those of the request itself.

    Titles and descriptions are those of the specification's own documentation.
    """
    schemas = kind.model_json_schema(by_alias=False)["properties"]
    told = _descriptions(kind)
    section_of = {name: title for title, names in _SECTIONS[kind].items() for name in names}
    names = [*section_of, *(name for name in kind.model_fields if name not in section_of)]
    params = {
        name: _param(
            name,
            schemas[name],
            kind.model_fields[name].is_required(),
            told[name],
            section_of.get(name, "More"),
        )
        for name in names
    }
    return params | request_params(key=True)


def request_params(*, key: bool = False) -> dict[str, Param]:
    """The parameters that every bundled DAG has.

    :param key: also the key that a request by REST brings.
    """
    params = {
        "dcluster_conn_id": Param(
            DEFAULT_CONN_ID,
            type="string",
            minLength=1,
            title="Connection",
            description="The dcluster connection; the default one need not exist.",
            section=_REQUEST,
        )
    }
    if key:
        params["request_key"] = Param(
            None,
            type=["string", "null"],
            title="Request key",
            description="Leave it empty: it is filled in by the REST API, whose request the run then carries out.",
            section=_REQUEST,
        )
    return params


def conn_ids_param() -> Param:
    """The parameter of DAGs that look after several connections."""
    return Param(
        conn_ids(),
        type="array",
        items={"type": "string", "minLength": 1},
        minItems=1,
        title="Connections",
        description="The dcluster connections to look after, one a line; the default one need not exist.",
        section=_REQUEST,
    )


def dry_run_param() -> Param:
    """The parameter of DAGs that can tell what they would do."""
    return Param(
        False,
        type="boolean",
        title="Dry run",
        description="Only report what would be done.",
        section=_REQUEST,
    )


def spec_json(kind: type[Entity]) -> Callable[[Mapping[str, Any]], str]:
    """A function for templates: the JSON text of the specification that a run's parameters mean."""

    def text(params: Mapping[str, Any]) -> str:
        given = {name: params[name] for name in kind.model_fields if params.get(name) not in (None, "")}
        return json.dumps(given)

    return text


def _param(name: str, schema: dict[str, Any], required: bool, description: str, section: str) -> Param:
    variants = schema.get("anyOf", [schema])
    found = next(each for each in variants if each.get("type") != "null")
    is_plain_flag = found["type"] == "boolean" and len(variants) == 1
    optional = not required and not is_plain_flag and "enum" not in found
    details: dict[str, Any] = {
        "type": [found["type"], "null"] if optional else found["type"],
        "title": _title(name),
        "description": description,
        "section": section,
        **{kept: found[given] for given, kept in _KEPT.items() if given in found},
    }
    if found["type"] == "array":
        details |= {"items": {"type": "string"}, "description": f"{description.rstrip('.')}, one a line."}
    if required:
        return Param(minLength=1, **details) if found["type"] == "string" else Param(**details)
    return Param(schema.get("default", {} if found["type"] == "object" else None), **details)


def _descriptions(kind: type[Entity]) -> dict[str, str]:
    """What the documentation of a specification says of each field, as sentences."""
    found = re.findall(r":param (\w+): (.*?)(?=\n\s*:|\Z)", kind.__doc__ or "", re.DOTALL)
    return {name: _sentence(" ".join(text.split())) for name, text in found}


def _sentence(text: str) -> str:
    # What stands in backticks is written as it is.
    begun = text if text.startswith("`") else text[0].upper() + text[1:]
    return begun.replace("``", "")


def _title(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[0].upper() + words[1:]
