from __future__ import annotations

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.kubernetes.permissions import (
    DRIVER,
    FLINK,
    KUEUE,
    KUEUE_SERVER,
    NODES,
    PLATFORM,
    PROXY,
    VOLCANO,
    Subject,
    rbac_manifest,
)

AIRFLOW = Subject.service_account("airflow:airflow-worker")


def _granted(manifest, role, namespace):
    (found,) = (
        it
        for it in manifest
        if it["kind"] == "Role" and (it["metadata"]["name"], it["metadata"]["namespace"]) == (role, namespace)
    )
    return {
        (group, resource, verb)
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _wanted(table):
    return {(access.group, access.resource, verb) for access in table for verb in access.verbs}


@pytest.mark.parametrize("namespace", ["data", "external"])
def test_each_namespace_grants_exactly_what_is_needed(namespace):
    manifest = rbac_manifest(["data", "external"], [AIRFLOW])
    assert _granted(manifest, "dcluster", namespace) == _wanted(PLATFORM + PROXY)
    assert _granted(manifest, "dcluster-driver", namespace) == _wanted(DRIVER)


def test_engines_that_are_asked_directly_need_no_proxy():
    manifest = rbac_manifest(["data"], [AIRFLOW], proxy=False)
    assert _granted(manifest, "dcluster", "data") == _wanted(PLATFORM)


def test_queues_take_rights_of_their_own():
    manifest = rbac_manifest(["data"], [AIRFLOW], queueing="kueue")
    assert _granted(manifest, "dcluster", "data") == _wanted(PLATFORM + PROXY + KUEUE)
    server, queues = (it for it in manifest if it["kind"] == "ClusterRole")
    assert server == next(it for it in rbac_manifest(["data"], [AIRFLOW]) if it["kind"] == "ClusterRole")
    assert (queues["metadata"]["name"], len(queues["rules"])) == ("dcluster-queues", len(KUEUE_SERVER))
    volcano = rbac_manifest(["data"], [AIRFLOW], queueing="volcano")
    assert _granted(volcano, "dcluster", "data") == _wanted(PLATFORM + PROXY + VOLCANO)


def test_without_a_driver_account_nothing_of_it_is_made():
    manifest = rbac_manifest(["data"], [AIRFLOW], driver_account="")
    assert [it["kind"] for it in manifest] == ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]


def test_jobmanagers_that_go_on_get_an_account_with_exactly_what_they_need():
    manifest = rbac_manifest(["data"], [AIRFLOW], driver_account="", flink_account="jobmanager")
    assert [it["kind"] for it in manifest[2:-2]] == ["ServiceAccount", "Role", "RoleBinding"]
    assert _granted(manifest, "jobmanager", "data") == _wanted(FLINK)
    assert manifest[-3]["subjects"] == [{"kind": "ServiceAccount", "name": "jobmanager", "namespace": "data"}]


def test_in_the_whole_cluster_one_namespace_is_read_and_no_other():
    *_, role, binding = rbac_manifest(["data"], [AIRFLOW])
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "verbs": ["get"],
            "resourceNames": ["kube-system"],
        },
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get", "list"]},
    ]
    assert (binding["metadata"]["name"], binding["roleRef"]["name"]) == (
        "dcluster-server-data",
        "dcluster-server",
    )


def test_the_roles_are_bound_to_airflow_and_to_the_drivers():
    manifest = rbac_manifest(["data"], [AIRFLOW, Subject("User", "ann"), Subject("Group", "ops")])
    bindings = {it["metadata"]["name"]: it for it in manifest if it["kind"] == "RoleBinding"}
    group = "rbac.authorization.k8s.io"
    assert bindings["dcluster"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "airflow-worker", "namespace": "airflow"},
        {"kind": "User", "name": "ann", "apiGroup": group},
        {"kind": "Group", "name": "ops", "apiGroup": group},
    ]
    assert bindings["dcluster-driver"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "dcluster-driver", "namespace": "data"}
    ]


@pytest.mark.parametrize("text", ["airflow", ":name", "space:", ""])
def test_a_service_account_needs_its_namespace(text):
    with pytest.raises(InvalidSpec, match="NAMESPACE:NAME"):
        Subject.service_account(text)


def test_nodes_take_a_role_that_holds_in_the_whole_cluster():
    role, binding = rbac_manifest(["data", "external"], [AIRFLOW], nodes=True)[-2:]
    assert (role["kind"], role["metadata"]["name"]) == ("ClusterRole", "dcluster-nodes")
    assert "namespace" not in role["metadata"]
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == _wanted(NODES)
    assert (binding["kind"], binding["metadata"]["name"]) == ("ClusterRoleBinding", "dcluster-nodes-data")
    assert binding["roleRef"]["kind"] == "ClusterRole"
    assert binding["subjects"] == [AIRFLOW.as_json()]


def test_nothing_of_everything_is_granted():
    assert all(
        "*" not in (access.group, access.resource, *access.verbs)
        for access in PLATFORM + PROXY + DRIVER + FLINK + NODES
    )
