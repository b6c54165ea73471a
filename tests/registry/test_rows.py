"""Rows that another version of the package wrote, and specifications as rows give them back."""

from __future__ import annotations

import pickle
from copy import deepcopy
from types import SimpleNamespace

import pytest

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import JobState
from dcluster_provider.registry.rows import cluster_of, cluster_values, job_of, job_values


@pytest.fixture
def job(registry, claim_job):
    return claim_job(registry, args=["a"], extra_cmd={"x": 1}).record


@pytest.fixture
def row(job):
    return SimpleNamespace(id=job.id, **job_values(job))


def test_specification_of_a_row_is_as_good_as_a_new_one(job, row):
    spec = job_of(row).spec
    new = JobSpec(client="team", module="report", args=["a"], extra_cmd={"x": 1})
    assert spec == new == job.spec
    assert spec.as_json() == new.as_json()
    assert pickle.loads(pickle.dumps(spec)) == deepcopy(spec) == new
    assert spec.model_copy(update={"module": "other"}).module == "other"
    assert spec.own_cluster() == new.own_cluster()
    with pytest.raises(ValueError, match="frozen"):
        spec.module = "other"


def test_field_that_this_version_does_not_know_is_passed_over(job, row):
    row.spec = row.spec | {"of_a_later_version": 1}
    assert job_of(row) == job


def test_field_that_an_older_version_did_not_know_has_its_default(job, row):
    row.spec = {name: value for name, value in row.spec.items() if name not in {"allow_duplicate", "args"}}
    spec = job_of(row).spec
    assert (spec.allow_duplicate, spec.args) == (None, ())


def test_value_that_this_version_would_refuse_is_still_read(row):
    row.spec = row.spec | {"num_workers": 5000, "application": "report.rb"}
    row.state = "RUNNING"
    job = job_of(row)
    assert (job.spec.num_workers, job.spec.application, job.state) == (5000, "report.rb", JobState.RUNNING)


def test_row_of_a_cluster(registry, claim_cluster):
    cluster = claim_cluster(registry, extra_configs={"x": 1}).record
    assert cluster_of(SimpleNamespace(id=cluster.id, **cluster_values(cluster))) == cluster
