"""A DAG file that uses every operator stays light: what the scheduler pays for it each time it parses the file."""

from __future__ import annotations

from benchmarks.import_bench import OUR_RESUMED_TASK, OURS, parse

MAX_MODULES = 60  # beyond airflow.sdk
HEAVY = {"kubernetes", "boto3", "sqlalchemy", "alembic", "psutil", "httpx", "rich"}


def test_a_dag_file_with_every_operator_brings_fewer_than_sixty_modules_and_none_that_is_heavy(tmp_path):
    _, modules = parse(OURS, str(tmp_path))
    assert len(modules) < MAX_MODULES, modules
    assert HEAVY.isdisjoint(modules)


def test_a_task_that_goes_on_after_its_wait_loads_no_client_of_kubernetes(tmp_path):
    _, modules = parse(OUR_RESUMED_TASK, str(tmp_path))
    assert "dcluster_provider.platforms.kubernetes.platform" in modules
    assert {"kubernetes", "kubernetes_asyncio", "boto3"}.isdisjoint(modules)


def test_the_file_uses_every_operator_and_sensor_there_is():
    from inspect import getmembers, isclass

    from dcluster_provider.operators import cluster, job
    from dcluster_provider.sensors import cluster as cluster_sensor
    from dcluster_provider.sensors import job as job_sensor

    for module in (cluster, job, cluster_sensor, job_sensor):
        for name, kind in getmembers(module, isclass):
            if (
                name.startswith("DCluster")
                and kind.__module__ == module.__name__
                and name != "DClusterLaunchOperator"
            ):
                assert f"{name}(" in OURS, name
