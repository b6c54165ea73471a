"""Every type that a spec accepts has an engine, and the engines tell what they run apart."""

from __future__ import annotations

from typing import get_args

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.engine_traits import ENGINES, TYPES, ClusterType
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse


def test_every_type_has_an_engine():
    assert tuple(TYPES) == get_args(ClusterType)
    assert (
        {ClusterSpec(tenant="sales", type=name).engine for name in TYPES}
        == set(ENGINES)
        == {"spark", "flink"}
    )


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("kind", ["py", "jar", "sql"])
def test_an_engine_takes_what_it_runs(name, kind):
    job = {"client": "sales", "module": "daily", "job_type": name, "application": f"local:///app.{kind}"}
    assert parse(JobSpec, job).traits is TYPES[name]
    assert parse(JobSpec, job).application_kind == kind
    with pytest.raises(InvalidSpec, match=r"neither a \.py nor a \.jar nor a \.sql file"):
        parse(JobSpec, job | {"application": f"local:///app.{kind}.txt"})
