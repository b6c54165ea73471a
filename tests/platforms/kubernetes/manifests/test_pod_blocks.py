"""What specifications say of pods, laid over what the connection says."""

from __future__ import annotations

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import check_blocks
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import EngineContainer, pod_template
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

CONTAINER = EngineContainer("image:1", "exec true", (), "1", 512, {"HOME": "/tmp"})


def made(role: str, cluster, job=None, **settings):
    """The pod template of a role, and its engine's container."""
    template = pod_template(KubernetesSettings(**settings), cluster, role, CONTAINER, {}, job=job)
    return template, template["spec"]["containers"][0]


def test_fields_are_added_to_those_of_the_connection_for_the_roles_that_they_are_said_of():
    block = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "b", "operator": "Exists"}],
        "roles": {
            "worker": {"resources": {"nvidia.com/gpu": "2"}, "image": "gpu:1", "claims": {"data": "/data"}}
        },
    }
    cluster = make_cluster(kubernetes=block)
    connection = {"node_selector": '{"zone": "a"}', "tolerations": '[{"key": "a", "operator": "Exists"}]'}
    worker, engine = made("worker", cluster, **connection)
    assert worker["spec"]["nodeSelector"] == {"zone": "a", "disk": "ssd"}
    assert [each["key"] for each in worker["spec"]["tolerations"]] == ["a", "b"]
    assert engine["image"] == "gpu:1"
    assert (
        engine["resources"]["limits"]["nvidia.com/gpu"]
        == engine["resources"]["requests"]["nvidia.com/gpu"]
        == "2"
    )
    assert engine["resources"]["requests"]["cpu"] == "1"
    assert {"name": "claim-data", "mountPath": "/data"} in engine["volumeMounts"]
    master, engine = made("master", cluster, **connection)
    assert engine["image"] == "image:1"
    assert "nvidia.com/gpu" not in engine["resources"]["limits"]
    assert "claim-data" not in str(master)


def test_a_job_comes_after_its_cluster_and_concerns_its_own_pods_alone():
    cluster = make_cluster(kubernetes={"labels": {"a": "cluster"}}, env={"A": "cluster", "HOME": "/home"})
    job = make_job(cluster, kubernetes={"labels": {"a": "job"}}, env={"A": "$(job)"})
    driver, engine = made("driver", cluster, job)
    assert driver["metadata"]["labels"]["a"] == "job"
    variables = {each["name"]: each.get("value") for each in engine["env"]}
    assert (variables["A"], variables["HOME"]) == (
        "$$(job)",
        "/home",
    )  # as it is, not what Kubernetes would insert
    assert made("worker", cluster)[0]["metadata"]["labels"]["a"] == "cluster"


def test_secrets_are_keys_of_a_secret_and_never_values():
    cluster = make_cluster(secrets=[{"file": "token", "variable": "t"}])
    job = make_job(cluster, secrets=[{"env": "A", "connection": "db"}, {"env": "B", "kubernetes": "own/key"}])
    driver, engine = made("driver", cluster, job)
    sources = {
        each["name"]: each["valueFrom"]["secretKeyRef"] for each in engine["env"] if each["name"] in "AB"
    }
    assert sources["B"] == {"name": "own", "key": "key"}
    assert sources["A"]["key"] == "secret.env.A"
    (volume,) = (each for each in driver["spec"]["volumes"] if each["name"] == "named-secrets")
    (source,) = volume["projected"]["sources"]
    assert source["secret"] == {
        "name": cluster.name,
        "items": [{"key": "secret.file.token", "path": "token"}],
    }
    assert {"name": "DCLUSTER_SECRETS", "value": "/etc/dcluster/secrets"} in engine["env"]


def test_a_file_of_a_job_comes_in_the_place_of_its_clusters():
    given = [{"file": "token", "variable": "t"}]
    cluster = make_cluster(secrets=given)
    driver, _ = made("driver", cluster, make_job(cluster, secrets=given))
    (volume,) = (each for each in driver["spec"]["volumes"] if each["name"] == "named-secrets")
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["name"] != cluster.name


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"sidecars": [{"image": "x"}]}, r"field kubernetes: spec\.containers\[1\]: has no name"),
        ({"resources": {"nvidia.com/gpu": "lots"}}, "field kubernetes: .*'lots'; write one such as"),
        (
            {"roles": {"worker": {"podTemplate": {"spce": {}}}}},
            r"roles\.worker: spce: .*did you mean 'spec'",
        ),
        ({"labels": {"dcluster.io/role": "x"}}, "choose another prefix"),
    ],
)
def test_what_cannot_be_laid_over_a_pod_is_refused_by_name(block, told):
    with pytest.raises(InvalidSpec, match=told):
        check_blocks(make_cluster(kubernetes=block).spec)
