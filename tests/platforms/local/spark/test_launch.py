"""The settings of Spark's drivers and the limits of its clusters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from local_platform import make_cluster, make_job

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import MIB, memory_bytes, whole_cores
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.spark.launch import driver_command, driver_settings, wanted_ports


def plan_of(cluster):
    spec = cluster.spec
    return ClusterPlan(
        deployment="tests",
        cluster_id=cluster.id,
        engine=LocalEngine("spark", "3.5.9", Path("/python"), Path("/spark"), Path("/java"), 17),
        ports={"master": 7077, "ui": 8080},
        given_ports=(),
        secret="hidden",
        workers=spec.workers,
        worker_cores=whole_cores(spec.worker_cpu),
        worker_mib=memory_bytes(spec.worker_memory) // MIB,
        master_mib=memory_bytes(spec.master_memory) // MIB,
    )


def settings_of(cluster_fields, job_fields, *, owns_cluster=False):
    cluster = make_cluster(**cluster_fields)
    job = make_job(cluster, owns_cluster=owns_cluster, **job_fields)
    return driver_settings(plan_of(cluster), cluster, job)


@pytest.mark.parametrize(
    ("cluster", "job", "owns", "expected"),
    [
        ({"worker_memory": "8Gi", "worker_cpu": "4"}, {}, False, {"spark.executor.memory": "4096m"}),
        ({"worker_memory": "700Mi"}, {}, False, {"spark.executor.memory": "700m"}),
        (
            {"worker_memory": "8Gi"},
            {"worker_mem_gb": 2.5, "worker_cpu": 2, "num_workers": 3},
            False,
            {"spark.executor.memory": "2560m", "spark.executor.cores": "2", "spark.cores.max": "6"},
        ),
        (
            {"worker_memory": "4Gi", "worker_cpu": "2", "single_job": True},
            {},
            False,
            {"spark.executor.memory": "4096m", "spark.executor.cores": "2", "spark.cores.max": None},
        ),
        (
            {"worker_memory": "4Gi", "worker_cpu": "1500m"},
            {"num_workers": 2, "worker_mem_gb": 4},
            True,
            {"spark.executor.memory": "4096m", "spark.executor.cores": "2"},
        ),
        ({"worker_cpu": "2"}, {"num_workers": 3}, False, {"spark.cores.max": "6"}),
        (
            {"extra_configs": {"spark.a": "cluster", "spark.b": "cluster"}},
            {"extra_cmd": {"spark.b": "job", "spark.executor.memory": "900m"}},
            False,
            {"spark.a": "cluster", "spark.b": "job", "spark.executor.memory": "900m"},
        ),
        ({}, {"driver_mem_gb": 0.75}, False, {"spark.driver.memory": "768m"}),
        (
            {},
            {"code_version": "c1"},
            False,
            {"spark.dcluster.codeVersion": "c1", "spark.dcluster.moduleType": ""},
        ),
    ],
)
def test_a_job_is_given(cluster, job, owns, expected):
    found = settings_of(cluster, job, owns_cluster=owns)
    assert {name: found.get(name) for name in expected} == expected


def test_a_driver_ends_when_its_heap_is_full_unless_the_user_says_otherwise(tmp_path):
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    own = {"spark.driver.defaultJavaOptions": "-Da=1", "spark.driver.extraJavaOptions": "-Db=2"}
    cluster = make_cluster()
    job = make_job(cluster, application="/job.py", extra_cmd=own)
    plan = plan_of(cluster)
    plan = replace(plan, engine=replace(plan.engine, home=tmp_path / "spark"))
    place = ClusterPlace(tmp_path, cluster.name)
    driver_command(place, plan, cluster, job)
    options = (place.job(job).conf / "java.options").read_text().replace('"', "").splitlines()
    at = options.index("-XX:+ExitOnOutOfMemoryError")
    assert options[at : at + 3] == ["-XX:+ExitOnOutOfMemoryError", "-Da=1", "-Db=2"]


@pytest.mark.parametrize(("memory", "heap"), [("1536", "1536m"), ("2gb", "2048m"), ("2g", "2048m")])
def test_a_driver_has_the_heap_that_spark_reads(tmp_path, memory, heap):
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    cluster = make_cluster()
    job = make_job(cluster, application="/job.py", extra_cmd={"spark.driver.memory": memory})
    plan = plan_of(cluster)
    plan = replace(plan, engine=replace(plan.engine, home=tmp_path / "spark"))
    place = ClusterPlace(tmp_path, cluster.name)
    driver_command(place, plan, cluster, job)
    assert f'"-Xmx{heap}"' in (place.job(job).conf / "java.options").read_text().splitlines()


def test_where_the_job_runs_is_not_for_the_job_to_say():
    found = settings_of(
        {"extra_configs": {"spark.master.port": 7}},
        {"extra_cmd": {"spark.master": "local[*]", "spark.submit.deployMode": "cluster"}},
    )
    assert found["spark.master"] == "spark://127.0.0.1:7077"
    assert found["spark.submit.deployMode"] == "client"
    assert "spark.master.port" not in found
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"worker_memory": "256Mi"}, "field workerMemory: .* the least is 512Mi"),
        ({"master_memory": "100Mi"}, "field masterMemory: .* the least is 256Mi"),
        ({"extra_configs": {"spark.master.ui.port": "http"}}, r"field extraConfigs: spark\.master\.ui\.port"),
    ],
)
def test_a_cluster_that_cannot_run_is_refused(fields, message):
    def check(spec):
        engine_of(spec).check_cluster(spec)
        wanted_ports(spec)

    with pytest.raises(InvalidSpec, match=message):
        check(make_cluster(**fields).spec)
