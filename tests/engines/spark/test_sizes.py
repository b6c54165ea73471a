"""What Spark's processes need: the same by whatever setting it is said."""

from __future__ import annotations

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.spark.sizes import ProcessSize, beside_heap_mib, driver_size, worker_pod_mib
from dcluster_provider.engines.table import engine_of


@pytest.mark.parametrize(
    ("settings", "is_python", "size"),
    [
        ({}, False, ProcessSize(1024, 1408, 1)),
        ({}, True, ProcessSize(1024, 1433, 1)),
        ({"spark.driver.memory": "2969m"}, True, ProcessSize(2969, 2969 + 1187, 1)),
        ({"spark.driver.memory": "4g"}, False, ProcessSize(4096, 4505, 1)),
        ({"spark.driver.memoryOverhead": "2g"}, True, ProcessSize(1024, 3072, 1)),
        ({"spark.driver.memoryOverhead": "100"}, True, ProcessSize(1024, 1124, 1)),
        ({"spark.driver.memoryOverheadFactor": "1"}, True, ProcessSize(1024, 2048, 1)),
        ({"spark.kubernetes.memoryOverheadFactor": "0.5"}, True, ProcessSize(1024, 1536, 1)),
        ({"spark.driver.cores": "3"}, False, ProcessSize(1024, 1408, 3)),
    ],
)
def test_a_driver_needs(settings, is_python, size):
    assert driver_size({"spark.driver.memory": "1024m"} | settings, is_python=is_python) == size


@pytest.mark.parametrize(
    ("fields", "mib"),
    [
        ({"single_job": True}, 2048 + 384 + 512),
        ({"worker_cpu": "1"}, 2048 + 384 + 512),
        ({"worker_cpu": "4"}, 2048 + 2 * 384 + 512),  # two executors side by side
        (
            {"single_job": True, "extra_configs": {"spark.dcluster.workerDaemonMemory": "2g"}},
            2048 + 384 + 2048,
        ),
        ({"single_job": True, "worker_memory": "20Gi"}, 20480 + 2048 + 512),
        ({"single_job": True, "extra_configs": {"spark.executor.memoryOverhead": "1g"}}, 2048 + 1024 + 512),
        (
            {"single_job": True, "extra_configs": {"spark.executor.pyspark.memory": "700m"}},
            2048 + 384 + 700 + 512,
        ),
        (
            {
                "single_job": True,
                "extra_configs": {"spark.memory.offHeap.enabled": True, "spark.memory.offHeap.size": "1g"},
            },
            2048 + 384 + 1024 + 512,
        ),
        ({"single_job": True, "extra_configs": {"spark.memory.offHeap.size": "1g"}}, 2048 + 384 + 512),
    ],
)
def test_the_pod_of_a_worker_holds(fields, mib):
    assert worker_pod_mib(ClusterSpec(tenant="team", **fields)) == mib


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"workers": 1, "worker_cpu": "1", "worker_memory": "2Gi", "extra_configs": {}}),
        ({"worker_mem_gb": 3, "num_workers": 2}, {"workers": 2, "worker_memory": "3Gi"}),
        ({"worker_daemon_memory": "2Gi"}, {"extra_configs": {"spark.dcluster.workerDaemonMemory": "2048m"}}),
        ({"extra_cmd": {"spark.executor.memory": "4g"}}, {"worker_memory": "4096Mi"}),
        ({"extra_cmd": {"spark.executor.cores": "3"}}, {"worker_cpu": "3"}),
        ({"extra_cmd": {"spark.executor.instances": 5}}, {"workers": 5}),
        ({"extra_cmd": {"spark.executor.instances": 5}, "num_workers": 2}, {"workers": 2}),
        (
            {"extra_cmd": {"spark.executor.memoryOverhead": "1g", "spark.x": "y"}},
            {"extra_configs": {"spark.executor.memoryOverhead": "1g"}},
        ),
        (
            {
                "job_type": "flink",
                "extra_cmd": {"taskmanager.memory.managed.size": "0", "parallelism.default": 2},
            },
            {"extra_configs": {"taskmanager.memory.managed.size": "0"}},
        ),
    ],
)
def test_a_jobs_own_cluster_is_made_for_it(fields, expected):
    job = JobSpec(client="team", module="etl", **fields)
    own = engine_of(job).own_cluster(job)
    assert {name: getattr(own, name) for name in expected} == expected


def test_what_settings_do_not_say_is_not_taken_from_a_slice():
    assert beside_heap_mib({}, 4096) == 0
    assert beside_heap_mib({"spark.executor.pyspark.memory": "1g"}, 4096) == 1024
    assert beside_heap_mib({"spark.executor.memoryOverheadFactor": "0.5"}, 4096) == 2048
