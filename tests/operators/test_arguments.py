"""What the operators take, and what they refuse while a DAG file is parsed."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pendulum
import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.operators.arguments import build_spec
from dcluster_provider.operators.cluster import (
    DClusterLaunchFlinkOperator,
    DClusterLaunchOperator,
    DClusterLaunchSparkOperator,
    DClusterTerminateOperator,
)
from dcluster_provider.operators.job import DClusterSubmitJobOperator, DClusterTerminateJobOperator
from dcluster_provider.operators.node import DClusterLaunchNodesOperator
from dcluster_provider.operators.upkeep import DClusterCheckClustersOperator

JOB = {"task_id": "t", "client": "c", "module": "m", "application": "a.py"}


def test_the_launch_of_any_type_needs_no_operator_of_its_own():
    for given, expected in (({}, "spark3"), ({"type": "flink"}, "flink")):
        launch = DClusterLaunchOperator(task_id="t", tenant="a", **given)
        assert build_spec(launch, ClusterSpec, tuple(ClusterSpec.model_fields)).type == expected


@pytest.mark.parametrize(
    ("operator", "spec"), [(DClusterLaunchOperator, ClusterSpec), (DClusterSubmitJobOperator, JobSpec)]
)
def test_every_field_is_a_templated_keyword_argument(operator, spec):
    fields = set(spec.model_fields)
    assert fields <= set(inspect.signature(operator.__init__).parameters)
    assert fields <= set(operator.template_fields)


def test_arguments_become_the_specification():
    launch = DClusterLaunchSparkOperator(
        task_id="t", tenant="a", workers="3", worker_cpu=2, extra_configs='{"x": 1}'
    )
    spec = build_spec(launch, ClusterSpec, tuple(ClusterSpec.model_fields))
    assert spec == ClusterSpec(tenant="a", workers=3, worker_cpu="2", type="spark3", extra_configs={"x": "1"})


def test_spec_is_taken_whole_from_the_seeds_json():
    launch = DClusterLaunchFlinkOperator(
        task_id="t", spec='{"tenant": "a", "workerMemory": "8Gi", "type": "flink"}'
    )
    spec = build_spec(launch, ClusterSpec, tuple(ClusterSpec.model_fields))
    assert (spec.type, spec.worker_memory) == ("flink", "8Gi")


@pytest.mark.parametrize("length", [timedelta(minutes=2), pendulum.duration(minutes=2), 120])
def test_a_length_of_time_is_a_timedelta_or_seconds(length):
    launch = DClusterLaunchSparkOperator(
        task_id="launch", tenant="a", idle_timeout=length, max_lifetime=length, launch_timeout=length
    )
    spec = build_spec(launch, ClusterSpec, tuple(ClusterSpec.model_fields))
    assert (spec.idle_timeout, spec.max_lifetime, launch.launch_timeout) == (120, 120, 120)
    end = DClusterTerminateOperator(
        task_id="end", cluster_id=1, terminate_timeout=length, poll_interval=length
    )
    assert (end.terminate_timeout, end.poll_interval) == (120, 120)
    job = DClusterSubmitJobOperator(**JOB, job_timeout=length, main_ended_timeout=length)
    assert build_spec(job, JobSpec, tuple(JobSpec.model_fields)).main_ended_timeout == 120
    nodes = DClusterLaunchNodesOperator(
        task_id="nodes", node_count=1, instance_type="m5.large", timeout=length
    )
    stop = DClusterTerminateJobOperator(task_id="stop", job_id=1, terminate_timeout=length)
    check = DClusterCheckClustersOperator(task_id="check", unknown_after=length)
    lengths = [job.job_timeout, nodes.timeout, stop.terminate_timeout, check.unknown_after]
    assert lengths == [120] * 4


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", worker=2),
            TypeError,
            "did you mean 'workers'",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", retrys=2),
            TypeError,
            "did you mean 'retries'",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", workers=0),
            InvalidSpec,
            "field workers",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", type="flink"),
            InvalidSpec,
            "field type: 'flink'",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", workers=1),
            InvalidSpec,
            "field tenant: is required",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", spec={"tenant": "a", "worker": 1}),
            InvalidSpec,
            "workers",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", poll_interval=0),
            ValueError,
            "poll_interval",
        ),
        (
            lambda: DClusterLaunchSparkOperator(task_id="t", tenant="a", launch_timeout=0),
            ValueError,
            "launch_timeout",
        ),
        (
            lambda: DClusterSubmitJobOperator(**JOB | {"application": "a.txt"}),
            InvalidSpec,
            "field application",
        ),
        (lambda: DClusterSubmitJobOperator(**JOB, appplication="a"), TypeError, "did you mean 'application'"),
        (lambda: DClusterSubmitJobOperator(**JOB, spec={}), InvalidSpec, "given together"),
        (lambda: DClusterSubmitJobOperator(**JOB, job_type="spork"), InvalidSpec, "field job_type"),
        (lambda: DClusterSubmitJobOperator(**JOB, job_timeout=-1), ValueError, "job_timeout"),
        (lambda: DClusterTerminateOperator(task_id="t"), TypeError, "cluster_id or cluster_name"),
    ],
)
def test_a_mistake_is_named_while_the_file_is_parsed(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_waits_for_templating_is_not_judged_yet():
    DClusterLaunchSparkOperator(task_id="t", tenant="{{ params.tenant }}", workers="{{ params.workers }}")
    DClusterSubmitJobOperator(**JOB, cluster_id="{{ ti.xcom_pull('launch') }}", driver_mem_gb="{{ 2 }}")


def test_default_arguments_of_a_dag_reach_the_fields():
    from airflow.sdk import DAG

    with DAG("d", schedule=None, default_args={"tenant": "team", "workers": 4}):
        assert DClusterLaunchSparkOperator(task_id="t").workers == 4


def test_mapped_over_specifications():
    from airflow.sdk import DAG

    with DAG("d", schedule=None) as dag:
        DClusterLaunchSparkOperator.partial(task_id="t", tenant="team").expand(workers=[1, 2])
    assert dag.get_task("t").partial_kwargs["tenant"] == "team"


def test_a_refusal_names_the_argument_and_with_json_text_the_field_of_the_api():
    with pytest.raises(InvalidSpec, match="field cluster_id: cluster_name names a cluster too"):
        DClusterSubmitJobOperator(**JOB, cluster_id=1, cluster_name="a")
    text = '{"client": "c", "module": "m", "clusterId": 1, "clusterName": "a"}'
    with pytest.raises(InvalidSpec, match="field clusterId: clusterName names a cluster too"):
        DClusterSubmitJobOperator(task_id="t", spec=text)
