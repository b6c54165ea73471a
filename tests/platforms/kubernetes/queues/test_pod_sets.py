"""What a queue counts of a cluster: each role's pods, with those that its job adds."""

from __future__ import annotations

import pytest
from kubernetes_platform import make_cluster

from dcluster_provider.platforms.kubernetes.queues.pod_sets import pod_sets
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

OWN_EXECUTORS = KubernetesSettings(driver_service_account="driver")


def counted(settings=None, **fields):
    found = pod_sets(settings or KubernetesSettings(), make_cluster(**fields))
    return {each.role: (each.count, each.requests) for each in found}


def test_a_standalone_cluster_is_its_master_and_its_workers():
    assert counted(workers=3, worker_cpu="2", worker_memory="4Gi", master_cpu="500m") == {
        "master": (1, {"cpu": "0.5", "memory": str(2**30)}),
        "worker": (3, {"cpu": "2", "memory": str(5376 * 2**20)}),
    }


def test_a_cluster_of_one_job_counts_its_driver_and_an_elastic_one_its_most_workers():
    assert counted(single_job=True, driver_mem_gb=2)["driver"] == (
        1,
        {"cpu": "1", "memory": str(2867 * 2**20)},
    )
    assert counted(workers=2, max_workers=5)["worker"][0] == 5
    assert counted(type="flink", single_job=True)["client"][0] == 1
    assert "driver" not in counted()


def test_a_driver_that_makes_its_executors_is_counted_with_them():
    found = counted(OWN_EXECUTORS, single_job=True, workers=4, worker_cpu="2", worker_memory="1Gi")
    assert set(found) == {"driver", "executor"}
    assert found["executor"] == (4, {"cpu": "2", "memory": str(1408 * 2**20)})


def test_what_decides_where_pods_run_is_told_and_nothing_of_what_they_do():
    gpu = {"resources": {"nvidia.com/gpu": "1"}, "nodeSelector": {"disk": "ssd"}}
    (_, worker) = pod_sets(
        KubernetesSettings(), make_cluster(kubernetes={"roles": {"worker": gpu}}, env={"COLOUR": "blue"})
    )
    assert worker.spec["nodeSelector"] == {"disk": "ssd"}
    assert worker.requests["nvidia.com/gpu"] == "1"
    assert "blue" not in str(worker.spec)


@pytest.mark.parametrize("type_", ["spark4", "flink"])
def test_every_engine_has_pods(type_):
    assert {"master", "worker"} <= set(counted(type=type_))
