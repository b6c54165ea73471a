"""The pods of Spark are as large as what runs in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubernetes_platform import PLACE, make_cluster, make_job

from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import drivers as driver_manifests
from dcluster_provider.platforms.kubernetes.spark import manifests as spark_manifests

OWN = KubernetesSettings(driver_service_account="driver")


def resources(template):
    (engine,) = template["spec"]["containers"]
    return engine["resources"]


@pytest.mark.parametrize(
    ("cluster", "job", "cpu", "memory"),
    [
        ({}, {}, "1", "1433Mi"),
        ({}, {"driver_mem_gb": 4}, "1", "5734Mi"),
        ({}, {"extra_cmd": {"spark.driver.memory": "2969m", "spark.driver.cores": 2}}, "2", "4156Mi"),
        ({"extra_configs": {"spark.driver.memory": "2g"}}, {}, "1", "2867Mi"),
        (
            {},
            {"application": "local:///opt/etl.jar", "extra_cmd": {"spark.driver.memoryOverhead": "1g"}},
            "1",
            "2048Mi",
        ),
    ],
)
def test_a_driver_has_what_any_setting_says(cluster, job, cpu, memory):
    made = make_cluster(**cluster)
    template = driver_manifests.driver(KubernetesSettings(), make_job(made, **job), made, PLACE)["spec"][
        "template"
    ]
    assert resources(template) == {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def test_a_worker_has_what_the_settings_of_its_cluster_say():
    settings = {"spark.executor.pyspark.memory": "1g"}
    made = make_cluster(single_job=True, worker_memory="2Gi", extra_configs=settings)
    (worker,) = (
        each["spec"]["template"]
        for each in spark_manifests.standalone(KubernetesSettings(), made, PLACE)
        if each["metadata"]["name"].endswith("-worker")
    )
    assert resources(worker)["limits"]["memory"] == f"{2048 + 384 + 1024 + 512}Mi"


def test_a_driver_that_makes_its_executors_asks_for_as_many_as_its_settings_say():
    cluster = make_cluster(single_job=True, workers=3)
    job = replace(make_job(cluster, extra_cmd={"spark.executor.instances": 2}), owns_cluster=True)
    executor = driver_manifests.executor_pod(OWN, job, cluster)
    found = driver_manifests.own_executor_settings(OWN, job, cluster, executor)
    assert found["spark.executor.instances"] == "2"
    plain = replace(make_job(cluster), owns_cluster=True)
    assert (
        driver_manifests.own_executor_settings(OWN, plain, cluster, executor)["spark.executor.instances"]
        == "3"
    )
