"""The bundled DAGs: they load, carry what a person needs in the Trigger form, and mean the specifications."""

from __future__ import annotations

import json

import pytest
from bundled_dags import BUNDLED_DAGS

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import parse
from dcluster_provider.dags import ids
from dcluster_provider.dags.bundle import FOLDER, DClusterDagBundle
from dcluster_provider.dags.params import spec_json, spec_params

UPKEEP = {ids.CLUSTER_CHECK, ids.LONG_RUNNING_ALERT, ids.NODE_CLEANUP, ids.INSTANCE_SYNC}


@pytest.fixture(scope="module")
def dags():
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(FOLDER))
    assert bag.import_errors == {}
    return bag.dags


def test_the_bundle_has_them_all(dags):
    assert DClusterDagBundle(name="dcluster").path == FOLDER
    assert set(dags) == BUNDLED_DAGS


def test_upkeep_runs_by_a_schedule_one_at_a_time_and_the_rest_on_request(dags):
    for dag_id, dag in dags.items():
        assert (dag.schedule is not None) == (dag_id in UPKEEP), dag_id
        assert dag.max_active_runs == (1 if dag_id in UPKEEP else 16)
        assert not dag.catchup
        assert dag.is_paused_upon_creation is False


def test_every_parameter_has_a_title_a_description_and_a_type(dags):
    for dag_id, dag in dags.items():
        for name in dag.params:
            param = dag.params.get_param(name)
            assert {"title", "type"} <= set(param.schema), f"{dag_id}.{name}"
            assert (param.description or "").endswith("."), f"{dag_id}.{name}"


@pytest.mark.parametrize("kind", [ClusterSpec, JobSpec, NodeRequest, DestroyRequest])
def test_every_field_of_a_specification_is_a_parameter_in_a_section_of_its_own(kind):
    params = spec_params(kind)
    assert set(kind.model_fields) == set(params)
    sections = [param.schema["section"] for param in params.values()]
    assert sections == sorted(sections, key=sections.index), "the fields of a section stand together"


@pytest.mark.parametrize("kind", [ClusterSpec, JobSpec, NodeRequest, DestroyRequest])
def test_a_parameter_says_of_itself_what_the_field_declares(kind):
    for name, param in spec_params(kind).items():
        declared = kind.model_fields[name].description.replace("`", "").rstrip(".")
        assert param.description.startswith(declared), name


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ClusterSpec, {"tenant": "007", "workers": 3, "extra_configs": {"a": "1"}, "idle_timeout": 60}),
        (JobSpec, {"client": "team", "module": "{{ etl }}", "args": ["--x", '"'], "application": "/a/b.py"}),
        (NodeRequest, {"node_count": 2, "instance_type": "m5.large", "alternative_types": ["m5a.large"]}),
    ],
)
def test_parameters_mean_the_specification_that_they_were_filled_with(kind, fields):
    params = {name: param.value for name, param in spec_params(kind).items()}
    assert parse(kind, spec_json(kind)(params | fields)) == parse(kind, fields)
    everything = parse(kind, fields).model_dump(mode="json")
    assert parse(kind, spec_json(kind)(params | everything)) == parse(kind, fields)


@pytest.mark.parametrize("kind", [ClusterSpec, JobSpec])
def test_every_specification_is_accepted_by_its_parameters(kind):
    required = {"tenant": "team"} if kind is ClusterSpec else {"client": "team", "module": "etl"}
    for name, value in json.loads(parse(kind, required).model_dump_json()).items():
        param = spec_params(kind)[name]
        param.value = value
        param.resolve()
