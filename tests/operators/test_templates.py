"""Every template field of every operator and sensor: taken as it is while a DAG file is parsed, judged when it runs."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from connections import connection_variable

from dcluster_provider import decorators, operators, sensors
from dcluster_provider.decorators.spark import _NOT_TAKEN, DClusterSparkDecoratedOperator
from dcluster_provider.platforms.local.platform import LocalPlatform

# What each operator or sensor is tried with: literals that are accepted, for what has to be given.
JOB = {"client": "c", "module": "m", "application": "/a.py"}
GIVEN = {
    "DClusterLaunchSparkOperator": {"tenant": "t"},
    "DClusterLaunchFlinkOperator": {"tenant": "t"},
    "DClusterRequestedLaunchOperator": {"tenant": "t"},
    "DClusterTerminateOperator": {"cluster_id": 1},
    "DClusterResizeOperator": {"cluster_id": 1, "workers": 2},
    "DClusterSubmitJobOperator": JOB,
    "DClusterRequestedJobOperator": JOB,
    "DClusterTerminateJobOperator": {"job_id": 1},
    "DClusterStopClientJobsOperator": {"client": "c", "module": "m"},
    "DClusterLaunchNodesOperator": {"node_count": 1, "instance_type": "small"},
    "DClusterDestroyNodesOperator": {"node_ids": ["n"]},
    "DClusterListInstanceTypesOperator": {},
    "DClusterSyncInstancesOperator": {},
    "DClusterRecordInstanceOperator": {"instance_id": "i", "info": {}},
    "DClusterCheckClustersOperator": {},
    "DClusterAlertLongRunningJobsOperator": {},
    "DClusterCleanupNodesOperator": {},
    "DClusterSparkDecoratedOperator": {},
    "DClusterClusterSensor": {"cluster_id": 1},
    "DClusterJobSensor": {"job_id": 1},
}
ARGUMENT = {"only_report": "dry_run"}  # of the field, where it has another name
# Fields that take any text, or whose text only the platform, cloud or registry can judge.
FREE = {
    *(
        "cluster_name",
        "pipeline_version",
        "pipeline_config",
        "code_version",
        "module_type",
        "email_recipients",
    ),
    *("docker_image_name", "savepoint", "main_class", "args", "region", "instance_type", "alternative_types"),
    *("instance_id", "info", "node_ids", "request_key", "op_args", "op_kwargs", "templates_dict"),
    *("client", "module", "tenant", "cluster_suffix"),
    *("queue_name", "priority_class_name"),
}
WRONG = {"dcluster_conn_id": "no_such_connection", "application": "a.txt", "spec": "no JSON"}
NAMED = {"dcluster_conn_id": "no_such_connection", "spec": "not JSON", "only_report": "dry_run"}


def kinds() -> list[type[BaseOperator]]:
    """Every operator and sensor that a DAG can use."""
    found = set()
    for package in (operators, sensors, decorators):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, BaseOperator):
                    found.add(value)
    mine = {kind for kind in found if kind.__module__.startswith("dcluster_provider.")}
    return sorted((kind for kind in mine if not has_subclass(kind, mine)), key=lambda kind: kind.__name__)


def has_subclass(kind: type, among: set[type]) -> bool:
    """Whether it is only there to be made operators of."""
    return kind.__name__ not in GIVEN and any(it is not kind and issubclass(it, kind) for it in among)


def fields() -> list:
    return [
        pytest.param(kind, field, id=f"{kind.__name__}.{field}")
        for kind in kinds()
        for field in kind.template_fields
        if not (kind is DClusterSparkDecoratedOperator and field in _NOT_TAKEN)
    ]


def function(spark=None, n=None):
    """What the decorator is tried with."""


def make(kind: type[BaseOperator], field: str, value: object) -> BaseOperator:
    given = {} if field == "spec" else dict(GIVEN[kind.__name__])
    if kind is DClusterSparkDecoratedOperator:
        given["python_callable"] = function
        if field in ("op_args", "op_kwargs"):
            value = [value] if field == "op_args" else {"n": value}
    if field == "cluster_name":
        given.pop("cluster_id", None)
    return kind(task_id="t", **given | {ARGUMENT.get(field, field): value})


@pytest.fixture(autouse=True)
def dag():
    with DAG("d", schedule=None, params={"x": "1"}) as dag:
        yield dag


def test_every_operator_and_sensor_is_tried():
    assert {kind.__name__ for kind in kinds()} == set(GIVEN)


@pytest.mark.parametrize(("kind", "field"), fields())
@pytest.mark.parametrize("form", ["jinja", "output", "outputs in a list"])
def test_a_template_field_is_not_judged_while_the_file_is_parsed(kind, field, form):
    output = BaseOperator(task_id="before").output
    value = {"jinja": "{{ params.x }}", "output": output, "outputs in a list": [output]}[form]
    task = make(kind, field, value)
    if field not in ("op_args", "op_kwargs"):
        assert getattr(task, field) == value


@pytest.mark.parametrize(("kind", "field"), [it for it in fields() if it.values[1] not in FREE])
def test_what_a_template_has_become_is_judged_and_named_before_anything_is_done(
    kind, field, dag, tmp_path, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection_variable(home=str(tmp_path)))
    # What is not judged would launch a cluster, which nobody ends.
    monkeypatch.setattr(LocalPlatform, "prepare", lambda *_: pytest.fail(f"{field} was not judged"))
    task = make(kind, field, "{{ params.x }}")
    ti = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1, max_tries=0, start_date=None
    )
    context = {
        "params": {"x": WRONG.get(field, "no such thing")},
        "ti": ti,
        "task": task,
        "dag": dag,
        "logical_date": datetime.now(timezone.utc),
    }
    task.render_template_fields(context)
    with pytest.raises(AirflowFailException, match=NAMED.get(field, rf"field {field}(\.0)?: ")):
        task.execute(context)
    assert not list((tmp_path / "clusters").glob("*"))
