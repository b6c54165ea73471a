"""Variables, secrets and fields of pods arrive where they are needed, and secrets nowhere else."""

from __future__ import annotations

import json

import pytest
from given_secrets import PASSWORD, SECRETS, TOKEN, digest, files_with_secrets, read_secret
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS
from sidecar_webhook import injected

from dcluster_provider.core.errors import ClusterFailed
from dcluster_provider.core.record import JobState
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, address_for, gone, running, submit, until

OF_KUBERNETES = [{"env": "DB_PASSWORD", "kubernetes": "db/password"}]


@pytest.fixture
def control(bench, testbed):
    data = {
        "metadata": {"name": "db", "namespace": bench.connection.namespace},
        "stringData": {"password": PASSWORD},
    }
    settings = {
        "metadata": {"name": "settings", "namespace": bench.connection.namespace},
        "data": {"a.conf": "a"},
    }
    testbed.apply(
        {"apiVersion": "v1", "kind": "Secret", **data}, {"apiVersion": "v1", "kind": "ConfigMap", **settings}
    )
    return bench.control(read_secret=read_secret)


def log_of(control, job) -> str:
    """The log of a job that succeeds."""
    assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    return control.jobs.logs(job.id)


def test_spark_jobs_find_them_in_drivers_and_executors(control, bench, testbed):
    fields = {"env": {"LEVEL": "low"}, "secrets": SECRETS}
    alone = submit(control, None, APPLICATIONS / "environment.py", **fields)  # with executors of its own
    cluster = running(control, SMALL)
    shared = submit(control, cluster, APPLICATIONS / "environment.py", **fields)
    other = submit(
        control,
        cluster,
        APPLICATIONS / "environment.py",
        module="other",
        env={"LEVEL": "high"},
        secrets=[*OF_KUBERNETES, SECRETS[1]],
    )
    kinds = "pods,deployments,jobs,configmaps,services,events"
    objects = testbed.kubectl("get", kinds, f"--namespace={bench.connection.namespace}", "--output=yaml")
    for job, level, files in (
        (alone, "low", digest(TOKEN)),
        (shared, "low", "none"),  # executors of a shared cluster have no files of a job
        (other, "high", "none"),
    ):
        log = log_of(control, job)
        assert f"driver {level} {digest(PASSWORD)} {digest(TOKEN)}" in log
        assert f"executor {level} {digest(PASSWORD)} {files}" in log
        assert "in command lines 0" in log
    assert [mark for mark in ("it's a", TOKEN) if mark in objects] == []
    assert files_with_secrets([bench.home]) == []
    gone(control, cluster)


def test_a_flink_job_finds_them_in_its_client_and_the_tasks_of_its_cluster(control):
    cluster = running(control, SMALL_FLINK | {"env": {"LEVEL": "low"}, "secrets": OF_KUBERNETES})
    job = submit(control, cluster, APPLICATIONS / "environment_flink.py")
    log = log_of(control, job)
    assert f"client low {digest(PASSWORD)}" in log
    assert f"task low {digest(PASSWORD)}" in log
    gone(control, cluster)


def test_pods_have_what_their_specification_says_of_them(control, bench, testbed):
    sleeping = {"name": "side", "image": testbed.images["spark"], "command": ["sleep", "infinity"]}
    restricted = {
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "10m"}},
    }
    block = {
        "labels": {"cost-center": "42"},
        "configMaps": {"settings": "/etc/settings"},
        "initContainers": [{**sleeping, **restricted, "name": "before", "command": ["true"]}],
        "roles": {
            "worker": {"annotations": {"note": "of a worker"}, "sidecars": [{**sleeping, **restricted}]}
        },
    }
    cluster = running(control, SMALL | {"kubernetes": block})
    job = submit(
        control, cluster, APPLICATIONS / "spark_pi.py", args=["2"], kubernetes={"labels": {"job": "pi"}}
    )
    assert "pi is roughly 3.1" in log_of(control, job)
    selector = f"--selector=dcluster.io/cluster-name={cluster.name}"
    pods = testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", selector)["items"]
    by_role = {pod["metadata"]["labels"]["dcluster.io/role"]: pod for pod in pods}
    assert {"master", "worker", "driver"} <= set(by_role)
    for pod in by_role.values():
        assert pod["metadata"]["labels"]["cost-center"] == "42"
        assert "/etc/settings" in json.dumps(pod["spec"]["containers"][0]["volumeMounts"])
        assert [each["name"] for each in pod["spec"]["initContainers"]] == ["before"]
    assert by_role["driver"]["metadata"]["labels"]["job"] == "pi"
    assert by_role["worker"]["metadata"]["annotations"]["note"] == "of a worker"
    assert [each["name"] for each in by_role["worker"]["spec"]["containers"]] == ["engine", "side"]
    assert len(by_role["master"]["spec"]["containers"]) == 1
    gone(control, cluster)


def test_a_job_ends_although_the_sidecar_that_a_webhook_injects_lives_on(control, bench, testbed, tmp_path):
    sidecar = {
        "name": "mesh",
        "image": testbed.images["spark"],
        "command": ["sleep", "infinity"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "10m"}},
    }
    with injected(testbed, address_for(testbed), bench.connection.namespace, sidecar, tmp_path):
        alone = submit(control, None, APPLICATIONS / "spark_pi.py", args=["2"])
        cluster = running(control, SMALL)
        shared = submit(control, cluster, APPLICATIONS / "spark_pi.py", args=["2"], module="shared")
        for job in (alone, shared):
            assert "pi is roughly 3.1" in log_of(control, job)
        selector = f"--selector=dcluster.io/cluster-name={cluster.name}"
        pods = testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", selector)["items"]
    for pod in pods:
        assert [each["name"] for each in pod["spec"]["containers"]] == ["engine", "mesh"]
    gone(control, cluster)


@pytest.fixture
def gpu_node(testbed):
    """A node with one GPU."""
    testbed.add_fake_nodes(1)
    try:
        status = {"status": {side: {"nvidia.com/gpu": "1"} for side in ("capacity", "allocatable")}}
        testbed.kubectl("patch", "node", "fake-0", "--subresource=status", f"--patch={json.dumps(status)}")
        yield "fake-0"
    finally:
        testbed.remove_fake_nodes()


def test_a_gpu_of_the_workers_is_none_of_the_master_and_a_missing_one_is_named(bench, testbed, gpu_node):
    control = bench.control(unschedulable_timeout=0)
    worker = {
        "tolerations": [{"key": "kwok", "operator": "Exists"}],
        "nodeSelector": {"type": "kwok"},
        "resources": {"nvidia.com/gpu": "1"},
    }
    cluster = control.clusters.launch(SMALL | {"kubernetes": {"roles": {"worker": worker}}})
    selector = f"--selector=dcluster.io/cluster-name={cluster.name}"

    def placed() -> dict[str, dict]:
        pods = testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", selector)["items"]
        return {
            pod["metadata"]["labels"]["dcluster.io/role"]: pod["spec"]
            for pod in pods
            if "nodeName" in pod["spec"]
        }

    assert until(lambda: set(placed()) == {"master", "worker"})
    (master,), (engine,) = (placed()[role]["containers"] for role in ("master", "worker"))
    assert placed()["worker"]["nodeName"] == gpu_node
    assert engine["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in json.dumps(master["resources"])
    gone(control, cluster)

    more = worker | {"resources": {"nvidia.com/gpu": "2"}}
    with pytest.raises(ClusterFailed, match=r"Insufficient nvidia\.com/gpu"):
        running(control, SMALL | {"kubernetes": {"roles": {"worker": more}}})
