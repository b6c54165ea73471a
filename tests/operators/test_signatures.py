"""The operators' explicit arguments, held against the specifications that declare the fields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from datetime import timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from airflow.sdk import XComArg

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.fields import Seconds
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.operators.cluster import DClusterLaunchOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator
from dcluster_provider.operators.node import DClusterLaunchNodesOperator

OPERATORS = [
    (DClusterLaunchOperator, ClusterSpec),
    (DClusterSubmitJobOperator, JobSpec),
    (DClusterLaunchNodesOperator, NodeRequest),
]
# What a field's JSON type is as an argument; text, too, since a template may stand there.
TAKEN: dict[str, tuple[Any, ...]] = {
    "string": (str,),
    "integer": (int, str),
    "number": (float, str),
    "boolean": (bool, str),
    "array": (Sequence,),
    "object": (dict, str),
}


def arguments(operator: type) -> dict[str, inspect.Parameter]:
    return {
        name: it
        for name, it in inspect.signature(vars(operator)["__init__"]).parameters.items()
        if it.kind is inspect.Parameter.KEYWORD_ONLY
    }


def union(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without their parameters."""
    is_union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if is_union else (annotation,)
    return [it if get_origin(it) in (None, Annotated) else get_origin(it) for it in members]


@pytest.mark.parametrize(("operator", "spec"), OPERATORS)
def test_every_field_is_an_argument_in_its_order_without_a_default_of_its_own(operator, spec):
    fields = [name for name in arguments(operator) if name in spec.model_fields]
    assert fields == list(spec.model_fields)
    assert {arguments(operator)[name].default for name in fields} == {None}


@pytest.mark.parametrize(("operator", "spec"), OPERATORS)
def test_every_argument_takes_what_its_field_takes(operator, spec):
    hints = get_type_hints(
        vars(operator)["__init__"], vars(inspect.getmodule(operator)) | {"XComArg": XComArg}
    )
    types = get_type_hints(spec, include_extras=True)
    for name, schema in spec.model_json_schema(by_alias=False)["properties"].items():
        kind = next(it["type"] for it in schema.get("anyOf", [schema]) if it.get("type") != "null")
        allowed = union(hints[name])
        assert {*TAKEN[kind], NoneType} <= set(allowed), name
        assert (timedelta in allowed) == (Seconds in union(types[name])), name


@pytest.mark.parametrize(("operator", "spec"), OPERATORS)
def test_a_docstring_describes_the_operators_own_arguments_and_leaves_fields_to_their_specification(
    operator, spec
):
    text = inspect.getdoc(operator)
    described = set(re.findall(r"^:param (\w+):", text, re.MULTILINE))
    assert described & set(spec.model_fields) == set()
    assert set(arguments(operator)) - set(spec.model_fields) <= described
    assert f"fields of :class:`~{spec.__module__}.{spec.__name__}`" in text
