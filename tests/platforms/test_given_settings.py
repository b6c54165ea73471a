"""A setting that a platform writes itself is never replaced without a word: the given value wins, or it is refused."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kubernetes_platform import PLACE, make_cluster, make_external, make_job

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.releases import default_version
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.kubernetes.cluster_access import as_seen_by
from dcluster_provider.platforms.kubernetes.flink import clients as flink_client_manifests
from dcluster_provider.platforms.kubernetes.flink import manifests as flink_manifests
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import drivers as driver_manifests
from dcluster_provider.platforms.kubernetes.spark import manifests as spark_manifests
from dcluster_provider.platforms.local.flink import launch as flink_launch
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import make_plan
from dcluster_provider.platforms.local.spark import launch as spark_launch

KUBERNETES = KubernetesSettings(deployment="airflow", namespace="data", external_namespace="other")
OWN_EXECUTORS = KUBERNETES.model_copy(update={"driver_service_account": "driver"})
STORAGE = KUBERNETES.model_copy(update={"flink_storage": "s3://bucket", "flink_ha": True})
# One of them is a value that each setting may have.
VALUES = ("31999", "true", "false", "10 s", "file:///mine", "org.example.Mine")
_ON_COMMAND_LINE = re.compile(r"(?:--conf|-D) ([\w.-]+)=")
Written = Callable[[Cluster, Job], dict[str, str]]


@dataclass(frozen=True)
class Side:
    """Where settings are written.

    :param written: what the engine reads of a cluster's or a job's settings in the end; a setting that the command line
        replaces is there without a value.
    """

    name: str
    check: Callable[[ClusterSpec | JobSpec], None]
    cluster: Cluster
    written: Written
    field: str

    def given(self, name: str, value: str) -> tuple[Cluster, Job]:
        """The cluster and a job of it with a setting; the check lets them pass."""
        job_fields = {"use_external_cluster": self.cluster.is_external, self.field: {name: value}}
        if self.field == "extra_configs":
            spec = ClusterSpec(**self.cluster.spec.model_dump() | {self.field: {name: value}})
            self.check(spec)
            return replace(self.cluster, spec=spec), make_job(self.cluster)
        job = make_job(self.cluster, **job_fields)
        self.check(job.spec)
        return self.cluster, job


def _properties(text: str) -> dict[str, str]:
    lines = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip().replace("\\", "") for name, value in lines}


def _yaml(text: str) -> dict[str, str]:
    lines = (line.split(": ", 1) for line in text.splitlines())
    return {json.loads(name): json.loads(value) for name, value in lines}


def _command_line(*scripts: str) -> dict[str, str]:
    text = " ".join(scripts)
    return dict.fromkeys(_ON_COMMAND_LINE.findall(text), "")


def _spark_daemons(cluster: Cluster, job: Job) -> dict[str, str]:
    files = spark_manifests.cluster_files(cluster, "hidden")
    (master, worker) = [
        json.dumps(each)
        for each in spark_manifests.standalone(KUBERNETES, cluster, PLACE)
        if each["kind"] == "Deployment"
    ]
    ports = {"spark.master.port": "7077", "spark.master.ui.port": "8080", "spark.worker.ui.port": "8081"}
    assert "--port 7077" in master
    assert "--webui-port 8080" in master
    assert "--webui-port 8081" in worker
    return _properties(files["daemon.properties"]) | ports


def _spark_driver(settings: KubernetesSettings) -> Written:
    def written(cluster: Cluster, job: Job) -> dict[str, str]:
        cluster = as_seen_by(job, cluster)
        files = driver_manifests.driver_files(settings, job, cluster)
        secured = "" if cluster.is_external else spark_manifests.own_executor_files("h")["secured.properties"]
        if not settings.makes_own_executors(cluster.spec) and not cluster.is_external:
            secured = spark_manifests.cluster_files(cluster, "hidden")["secured.properties"]
        pod = json.dumps(driver_manifests.driver(settings, job, cluster, PLACE))
        return _properties(files["spark.properties"]) | _properties(secured) | _command_line(pod)

    return written


def _flink_cluster(settings: KubernetesSettings) -> Written:
    def written(cluster: Cluster, job: Job) -> dict[str, str]:
        pods = json.dumps(flink_manifests.session(settings, cluster, PLACE))
        return flink_manifests.cluster_settings(settings, cluster) | _command_line(pods)

    return written


def _flink_client(settings: KubernetesSettings) -> Written:
    def written(cluster: Cluster, job: Job) -> dict[str, str]:
        cluster = as_seen_by(job, cluster)
        found = _yaml(flink_client_manifests.client_files(settings, job, cluster)["config.yaml"])
        if not job.spec.extra_cmd:
            del found["high-availability.type"]  # of the cluster alone: its client looks up no leader
        return found

    return written


def _kubernetes(name: str, settings: KubernetesSettings, cluster: Cluster, field: str, written: Written):
    platform = KubernetesPlatform(settings, None)
    check = platform.check_cluster if field == "extra_configs" else platform.check_job
    return Side(name, check, cluster, written, field)


SPARK, FLINK = make_cluster(), make_cluster(type="flink", worker_memory="2Gi")
SINGLE = make_cluster(single_job=True)
SIDES = [
    _kubernetes("spark-cluster", KUBERNETES, SPARK, "extra_configs", _spark_daemons),
    _kubernetes("spark-job", KUBERNETES, SPARK, "extra_cmd", _spark_driver(KUBERNETES)),
    _kubernetes("spark-job-of-cluster", KUBERNETES, SPARK, "extra_configs", _spark_driver(KUBERNETES)),
    _kubernetes("spark-own-executors", OWN_EXECUTORS, SINGLE, "extra_cmd", _spark_driver(OWN_EXECUTORS)),
    _kubernetes("spark-own-cluster", OWN_EXECUTORS, SINGLE, "extra_configs", _spark_driver(OWN_EXECUTORS)),
    _kubernetes("spark-external", KUBERNETES, make_external(), "extra_cmd", _spark_driver(KUBERNETES)),
    _kubernetes("flink-cluster", KUBERNETES, FLINK, "extra_configs", _flink_cluster(KUBERNETES)),
    _kubernetes("flink-available", STORAGE, FLINK, "extra_configs", _flink_cluster(STORAGE)),
    _kubernetes("flink-job", STORAGE, FLINK, "extra_cmd", _flink_client(STORAGE)),
    _kubernetes("flink-job-of-cluster", STORAGE, FLINK, "extra_configs", _flink_client(STORAGE)),
    _kubernetes("flink-external", STORAGE, make_external(type="flink"), "extra_cmd", _flink_client(STORAGE)),
]


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_on_kubernetes_what_is_given_wins_or_is_refused(side):
    assert _replaced(side) == {}


@pytest.mark.parametrize("field", ["extra_configs", "extra_cmd"])
@pytest.mark.parametrize("kind", ["spark3", "flink"])
def test_on_this_machine_what_is_given_wins_or_is_refused(kind, field, tmp_path):
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    start = tmp_path / "etl.py"
    cluster = make_cluster(type=kind, worker_memory="2Gi")
    folders = (tmp_path / str(number) for number in itertools.count())  # a plan is made once
    engine = LocalEngine(
        cluster.spec.engine, default_version(cluster.type), Path("/python"), tmp_path, Path("/java"), 17
    )
    side_of = {"spark3": spark_launch, "flink": flink_launch}[kind]

    def written(cluster: Cluster, job: Job) -> dict[str, str]:
        place = ClusterPlace(next(folders), cluster.name)
        plan = make_plan(place, cluster, engine, side_of.wanted_ports(cluster.spec))
        job = replace(job, spec=job.spec.model_copy(update={"application": str(start)}))
        if kind == "flink":
            flink_launch.client_command(place, plan, cluster, job)
            return _yaml((place.job(job).conf / "config.yaml").read_text())
        spark_launch.commands(place, plan, cluster)
        spark_launch.driver_command(place, plan, cluster, job)
        files = [place.job(job).conf / "spark.properties"]
        files += [place.conf / "daemons.properties"] if field == "extra_configs" else []
        return {name: value for file in files for name, value in _properties(file.read_text()).items()}

    def check(spec: ClusterSpec | JobSpec) -> None:
        if isinstance(spec, JobSpec):
            engine_of(spec).check_job(spec)
        else:
            engine_of(spec).check_cluster(spec)
            side_of.wanted_ports(spec)

    assert _replaced(Side(kind, check, cluster, written, field)) == {}


def _replaced(side: Side) -> dict[str, tuple[str, str | None]]:
    """The settings that are taken and do not arrive, with what was given and what is there."""
    replaced, tried = {}, 0
    for name in side.written(side.cluster, make_job(side.cluster)):
        for value in VALUES:
            try:
                cluster, job = side.given(name, value)
            except InvalidSpec:
                continue
            tried += 1
            found = side.written(cluster, job).get(name)
            if value not in (found or ""):
                replaced[name] = (value, found)
    assert tried
    return replaced
