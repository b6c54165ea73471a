"""Clusters, jobs and settings that the tests of the Kubernetes platform share."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import EXTERNAL, Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.kubernetes.cluster_access import as_seen_by
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.flink import clients as flink_client_manifests
from dcluster_provider.platforms.kubernetes.flink import manifests as flink_manifests
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import (
    job_policy,
    job_root,
    job_secret,
    root,
    secret,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import JOB, Place, cluster_labels, job_name
from dcluster_provider.platforms.kubernetes.pods.pod import Pod, read_pod
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import drivers as driver_manifests
from dcluster_provider.platforms.kubernetes.spark import manifests as spark_manifests

AT = datetime(2026, 1, 31, 10, tzinfo=timezone.utc)
OWNER = Owner("airflow", "etl", "manual__2026-01-31T10:00:00+00:00", "launch")
PLACE = Place("data", "00000000-0000-0000-0000-000000000001")
_FULL = KubernetesSettings(
    namespace="data",
    external_namespace="external",
    image_pull_policy="IfNotPresent",
    image_pull_secrets="registry",
    service_account="dcluster-pods",
    node_selector='{"disk": "ssd"}',
    tolerations='[{"key": "dedicated", "operator": "Exists"}]',
    annotations='{"team": "data"}',
    pod_template=json.dumps(
        {
            "spec": {
                "priorityClassName": "batch",
                "containers": [{"name": "engine", "env": [{"name": "TZ", "value": "UTC"}]}],
            }
        }
    ),
    storage_class="fast",
    disk_size="50Gi",
    cpu_limit="1.5",
    rest_from="10.0.0.0/16",
    flink_storage="s3://bucket/flink",
    new_node_timeout=900,
)


def make_cluster(**fields: Any) -> Cluster:
    """A cluster as the registry would hold it."""
    spec = ClusterSpec(**({"tenant": "team", "workers": 2} | fields))
    return Cluster(
        id=7,
        name=f"{spec.type}-dev-team-20260131100000000",
        key="0123456789abcdef0123456789abcdef",
        generation=1,
        version=1,
        deployment="airflow",
        conn_id="dcluster_default",
        platform="kubernetes",
        spec=spec,
        owner=OWNER,
        state=ClusterState.PROVISIONING,
        created_at=AT,
        state_since=AT,
        last_used_at=AT,
    )


def make_job(cluster: Cluster, **fields: Any) -> Job:
    """A job of a cluster."""
    given = {
        "client": "team",
        "module": "etl",
        "job_type": cluster.type,
        "application": "local:///opt/app/etl.py",
    }
    return Job(
        id=11,
        key="fedcba9876543210fedcba9876543210",
        generation=1,
        version=1,
        deployment="airflow",
        conn_id="dcluster_default",
        spec=JobSpec(**(given | fields)),
        owner=replace(OWNER, task_id="submit"),
        state=JobState.REQUESTED,
        created_at=AT,
        state_since=AT,
        cluster_id=cluster.id,
    )


def pod_manifest(
    cluster: Cluster,
    role: PodRole,
    job: Job | None = None,
    *,
    began: float = 0.0,
    over: dict[str, Any] | None = None,
    phase: str = "Running",
    gone_by: float | None = None,
) -> dict[str, Any]:
    """A pod as the API server tells of it.

    :param began: seconds after ``AT`` since which its engine runs.
    :param over: how the engine ended, as Kubernetes writes it; none while it runs.
    :param gone_by: seconds after ``AT`` by which it has to be gone.
    """
    at, until = (
        (AT + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ") for seconds in (began, gone_by or 0)
    )
    labels = cluster_labels(cluster, role) | ({JOB: str(job.id)} if job else {})
    deletion = {} if gone_by is None else {"deletionTimestamp": until}
    state = {"running": {"startedAt": at}} if over is None else {"terminated": {"startedAt": at} | over}
    about = {"name": role, "uid": role, "namespace": "data", "labels": labels, "creationTimestamp": at}
    return {
        "metadata": about | deletion,
        "spec": {"nodeName": "n", "containers": [{"name": "engine", "image": "i"}]},
        "status": {"phase": phase, "containerStatuses": [{"name": "engine", "state": state}]},
    }


def make_pod(*args: Any, **more: Any) -> Pod:
    """What is read of such a pod."""
    return read_pod(pod_manifest(*args, **more))


def make_external(**fields: Any) -> Cluster:
    """A cluster that somebody else runs."""
    cluster = make_cluster(**({"workers": 1} | fields))
    master, rest = "spark://reports.example.com:7077", "http://reports.example.com:8080"
    if cluster.spec.engine == "flink":
        master = rest = "http://streams.example.com:8081"
    return replace(
        cluster, platform=EXTERNAL, owner=None, state=ClusterState.RUNNING, master_url=master, ui_url=rest
    )


def cluster_objects(settings: KubernetesSettings, cluster: Cluster) -> list[dict[str, Any]]:
    """Everything that is made for a cluster, with a secret that is none."""
    if cluster.spec.engine == "flink":
        files, rest = (
            flink_manifests.cluster_files(settings, cluster),
            flink_manifests.session(settings, cluster, PLACE),
        )
    elif settings.makes_own_executors(cluster.spec):
        files = spark_manifests.own_executor_files("shared")
        rest = spark_manifests.around_driver(settings, cluster, PLACE)
    else:
        files = spark_manifests.cluster_files(cluster, "shared")
        rest = spark_manifests.standalone(settings, cluster, PLACE)
    return [
        root(cluster, PLACE.namespace),
        secret(cluster.name, PLACE, cluster_labels(cluster), files),
        *rest,
    ]


def job_objects(settings: KubernetesSettings, cluster: Cluster, job: Job) -> list[dict[str, Any]]:
    """Everything that is made for a job."""
    place, own = PLACE, []
    if cluster.is_external:
        cluster = as_seen_by(job, cluster)
        place = Place(settings.namespace_of(cluster.spec), PLACE.root_uid, job_name(job))
        ingress = pod_engine(cluster.spec).client_ingress(settings)
        own = [job_root(job, cluster, place.namespace), job_policy(job, cluster, place, ingress)]
    if cluster.spec.engine == "flink":
        files = flink_client_manifests.client_files(settings, job, cluster)
        client = flink_client_manifests.client(settings, job, cluster, place)
    else:
        files = driver_manifests.driver_files(settings, job, cluster)
        client = driver_manifests.driver(settings, job, cluster, place)
    texts = {name: text.encode() for name, text in files.items()}
    return [*own, job_secret(job, cluster, place, texts), client]


def combinations() -> dict[str, list[dict[str, Any]]]:
    """Every combination of settings and fields that matters, by name."""
    plain = KubernetesSettings(namespace="data")
    own = plain.model_copy(update={"driver_service_account": "dcluster-driver"})
    available = _FULL.model_copy(update={"flink_ha": True})
    spark, flink = make_cluster(), make_cluster(type="flink", worker_memory="2Gi")
    single = make_cluster(single_job=True, worker_memory="1Gi")
    theirs, their_flink = make_external(), make_external(type="flink")
    every = {
        "use_on_demand_master": True,
        "launch_dynamic_disk": True,
        "launch_new_node": True,
        "extra_configs": {"spark.eventLog.enabled": "true"},
        "worker_cpu": "1500m",
    }
    return {
        "spark": cluster_objects(plain, spark),
        "spark-everything": cluster_objects(_FULL, make_cluster(**every)),
        "spark-another-user": cluster_objects(plain.model_copy(update={"spark_user": 1000650000}), spark),
        "spark-single-job": cluster_objects(own, single),
        "flink": cluster_objects(plain, flink),
        "flink-everything": cluster_objects(
            available, make_cluster(type="flink", use_on_demand_master=True, launch_dynamic_disk=True)
        ),
        "job-spark": job_objects(plain, spark, make_job(spark, args=("1", "two words"), worker_mem_gb=1)),
        "job-spark-jar": job_objects(
            _FULL,
            make_cluster(**every),
            make_job(
                spark,
                application="s3a://bucket/etl.jar",
                main_class="com.example.Etl",
                docker_image_name="registry.example.com/etl:1",
                pipeline_version="2",
            ),
        ),
        "job-spark-single": job_objects(own, single, replace(make_job(single), owns_cluster=True)),
        "job-flink-python": job_objects(plain, flink, make_job(flink, num_workers=1)),
        "job-flink-sql": job_objects(_FULL, flink, make_job(flink, application="local:///opt/app/etl.sql")),
        "job-spark-sql": job_objects(
            plain, spark, make_job(spark, application="", sql="SET a=b;\nSELECT 1 /* ; */;", worker_mem_gb=1)
        ),
        "job-spark-single-sql": job_objects(
            own, single, replace(make_job(single, application="s3a://bucket/etl.sql"), owns_cluster=True)
        ),
        "job-spark-external": job_objects(plain, theirs, make_job(theirs, num_workers=2, worker_cpu=1)),
        "job-spark-external-everything": job_objects(
            _FULL,
            theirs,
            make_job(
                theirs,
                application="s3a://bucket/etl.jar",
                main_class="com.example.Etl",
                use_external_namespace=True,
                extra_cmd={"spark.authenticate": "true", "spark.authenticate.secret": "theirs"},
            ),
        ),
        "job-flink-external": job_objects(
            available,
            their_flink,
            make_job(their_flink, extra_cmd={"python.executable": "/venv/bin/python"}),
        ),
    }


def golden_folder() -> Path:
    """Where the combinations are kept as they have to be."""
    return Path(__file__).parent / "platforms" / "kubernetes" / "golden"
