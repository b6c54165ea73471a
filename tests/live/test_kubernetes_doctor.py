"""The doctor and the roles it asks for, on a real Kubernetes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from airflow_databases import AIRFLOW
from kubernetes import client, config

from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.doctor import examine
from dcluster_provider.platforms.kubernetes.permissions import (
    DRIVER,
    PLATFORM,
    PROXY,
    Subject,
    check_access,
    rbac_manifest,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from testbed import Testbed


@dataclass
class Place:
    """A namespace, and its administrator's API."""

    testbed: Testbed
    namespace: str
    admin: KubernetesApi

    def api_of(self, account: str) -> KubernetesApi:
        """The API with the rights of a service account of the namespace."""
        token = self.testbed.kubectl("create", "token", account, f"--namespace={self.namespace}").strip()
        given = config.new_client_from_config(str(self.testbed.kubeconfig)).configuration
        own = client.Configuration()
        own.host, own.ssl_ca_cert, own.verify_ssl = given.host, given.ssl_ca_cert, given.verify_ssl
        own.api_key = {"authorization": f"Bearer {token}"}
        return KubernetesApi(lambda: client.ApiClient(own))

    def settings(self, **fields) -> KubernetesSettings:
        images = self.testbed.images
        named = {
            "spark_image": images["spark"],
            "spark3_image": images["spark"],
            "spark4_image": images["spark"],
            "flink_image": images["flink"],
        }
        return KubernetesSettings(namespace=self.namespace, **(named | fields))

    def granted(self, *without: str) -> KubernetesApi:
        """The API with what the manifest grants, without some verbs, each written ``verb resource``."""
        account = "airflow"
        made = self.testbed.get("get", "serviceaccounts", f"--namespace={self.namespace}")["items"]
        if account not in {item["metadata"]["name"] for item in made}:
            self.testbed.kubectl("create", "serviceaccount", account, f"--namespace={self.namespace}")
        manifest = rbac_manifest([self.namespace], [Subject("ServiceAccount", account, self.namespace)])
        for role in manifest:
            for rule in role.get("rules", ()):
                dropped = {text.split()[0] for text in without if text.split()[1] in rule["resources"]}
                rule["verbs"] = [verb for verb in rule["verbs"] if verb not in dropped]
            role["rules"] = [rule for rule in role["rules"] if rule["verbs"]] if "rules" in role else None
        self.testbed.apply(*({k: v for k, v in item.items() if v is not None} for item in manifest))
        return self.api_of(account)

    def examined(self, api: KubernetesApi, *, images: bool = False, **fields):
        return {check.name: check for check in examine(self.settings(**fields), api, images=images)}


@pytest.fixture
def place(testbed: Testbed) -> Iterator[Place]:
    admin = KubernetesApi(lambda: config.new_client_from_config(str(testbed.kubeconfig)))
    with testbed.namespace("doctor", end_seconds=0) as namespace:  # nothing runs in it that others wait for
        yield Place(testbed, namespace, admin)


def test_what_the_manifest_grants_is_enough_and_nothing_is_left(place: Place):
    checks = place.examined(place.granted(), images=True)
    images = [check for name, check in checks.items() if name.startswith("image ")]
    assert len(images) == 2
    assert [check for check in checks.values() if check.outcome == "failed"] == []
    assert all("was pulled and run" in check.found for check in images), images
    told = {check.name.split()[1].partition(":")[0].rpartition("/")[2]: check.found for check in images}
    assert told["flink"].endswith("it reads S3")
    assert told["spark"].endswith("no file system for S3, which drivers with storageConnId fetch")
    assert 'Pod Security "restricted"' in checks[f"namespace {place.namespace}"].found
    assert checks[f"access to {place.namespace}"].outcome == "ok"
    place.testbed.wait_until(lambda: _left(place) == [], "nothing of the trials is left")


def _left(place: Place) -> list[str]:
    items = place.testbed.get("get", "pods,jobs,configmaps", f"--namespace={place.namespace}")["items"]
    return [item["metadata"]["name"] for item in items if item["metadata"]["name"].startswith("doctor-")]


@pytest.mark.long
def test_drivers_may_do_what_they_do(place: Place):
    place.granted()
    driver = place.api_of("dcluster-driver")
    assert check_access(driver, place.namespace, DRIVER) == []
    missing = {str(item) for item in check_access(driver, place.namespace, PLATFORM)}
    assert "create secrets" in missing, "and no more than that"


@pytest.mark.long
@pytest.mark.parametrize(
    ("without", "outcome"),
    [("patch deployments", "failed"), ("get services/proxy", "failed"), ("list events", "warning")],
)
def test_a_missing_verb_is_named(place: Place, without: str, outcome: str):
    check = place.examined(place.granted(without))[f"access to {place.namespace}"]
    assert check.outcome == outcome
    assert f"not allowed: {without}" in check.found
    assert "airflow dcluster rbac" in check.remedy


@pytest.mark.long
def test_nodes_take_a_role_of_their_own(place: Place):
    api, account = place.granted(), Subject("ServiceAccount", "airflow", place.namespace)

    def check():
        return {it.name: it for it in examine(place.settings(), api, images=False, nodes=True)}[
            "access to nodes"
        ]

    def granted():
        found = check()
        return found if found.outcome == "ok" else None

    missing = check()
    assert missing.outcome == "failed"
    assert "patch nodes" in missing.found
    assert "create pods/eviction" in missing.found
    assert "airflow dcluster rbac --nodes" in missing.remedy
    try:
        place.testbed.apply(*rbac_manifest([place.namespace], [account], nodes=True)[-2:])
        # The API server grants what is stored as soon as its own watch has told it.
        found = place.testbed.wait_until(granted, "the role for nodes is in force").found
        assert found == "all 5 verbs are granted"
    finally:
        place.testbed.kubectl("delete", "clusterrolebinding", f"dcluster-nodes-{place.namespace}")


@pytest.mark.long
def test_engines_asked_directly_need_no_proxy(place: Place):
    api = place.granted("get services/proxy", "create services/proxy")
    assert place.examined(api, engine_access="direct")[f"access to {place.namespace}"].outcome == "ok"


def test_without_any_right_all_of_it_is_named(place: Place):
    checks = place.examined(place.api_of("default"), images=True)
    check = checks[f"access to {place.namespace}"]
    assert check.outcome == "failed"
    for access in PLATFORM + PROXY:
        if not access.optional:
            assert all(f"{verb} {access.resource}" in check.found for verb in access.verbs)
    assert not [name for name in checks if name.startswith("image ")], "what may not be made is not tried"


@pytest.mark.long
def test_what_does_not_exist_is_named(place: Place):
    place.testbed.kubectl("create", "secret", "generic", "opaque", f"--namespace={place.namespace}")
    checks = place.examined(
        place.admin,
        external_namespace="nowhere",
        service_account="nobody",
        image_pull_secrets="opaque,nothing",
        storage_class="none",
    )
    failed = {name for name, check in checks.items() if check.outcome == "failed"}
    assert failed == {
        "namespace nowhere",
        f"service account {place.namespace}/nobody",
        f"image pull secret {place.namespace}/opaque",
        f"image pull secret {place.namespace}/nothing",
        "storage class none",
    }


@pytest.mark.long
def test_a_namespace_that_may_not_be_read_is_found_by_trying(place: Place):
    api = place.granted("get namespaces")
    assert place.examined(api)[f"namespace {place.namespace}"].outcome == "ok"


def test_a_quota_without_room_for_a_cluster_is_named(place: Place):
    hard = {"pods": "1", "limits.memory": "100Gi", "limits.cpu": "1"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": hard}}
    quota["metadata"] = {"name": "small", "namespace": place.namespace}
    place.testbed.apply(quota)
    path = f"/api/v1/namespaces/{place.namespace}/resourcequotas/small"
    place.testbed.wait_until(lambda: place.admin.get(path).get("status", {}).get("hard"), "the quota counts")
    check = place.examined(place.granted())[f"quota of {place.namespace}"]
    assert check.outcome == "failed"
    assert "pods of small: 0 of 1 used" in check.found
    assert "limits.cpu of small: 0 of 1 used" in check.found  # pods get one where a quota demands it
    assert "limits.memory" not in check.found


def test_images_that_cannot_be_run_are_named_with_their_fields(place: Place):
    shell_less = place.testbed.images["shell-less"]
    bad = {"spark_image": "No/Image", "flink_image": shell_less}
    checks = place.examined(place.granted(), images=True, **bad)
    assert checks["image No/Image (spark_image)"].outcome == "failed"
    assert "is not the name of an image" in checks["image No/Image (spark_image)"].found
    without_shell = checks[f"image {shell_less} (flink_image)"]
    assert without_shell.outcome == "failed"
    assert "/bin/bash" in without_shell.found
    assert checks[f"image {place.testbed.images['spark']} (spark3_image, spark4_image)"].outcome == "ok"


@pytest.mark.long
def test_pods_that_the_namespace_refuses_are_told_of(place: Place):
    template = json.dumps({"spec": {"hostNetwork": True}})
    checks = place.examined(place.granted(), images=True, pod_template=template)
    found = [check for name, check in checks.items() if name.startswith("image ")]
    assert {check.outcome for check in found} == {"failed"}
    assert all("hostNetwork=true" in check.found and "pod_template" in check.remedy for check in found)


@pytest.mark.long
def test_a_node_selector_that_fits_no_node_is_a_warning_for_one_may_come(place: Place):
    selector = json.dumps({"disk": "none"})
    checks = place.examined(
        place.granted(), images=True, node_selector=selector, flink_image=place.testbed.images["spark"]
    )
    found = [check for name, check in checks.items() if name.startswith("image ")]
    assert {check.outcome for check in found} == {"warning"}
    assert all("node affinity/selector" in check.found for check in found)


def test_an_api_server_that_does_not_answer_ends_the_examination():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (check,) = examine(KubernetesSettings(), KubernetesApi(lambda: client.ApiClient(configuration)))
    assert (check.name, check.outcome) == ("API server", "failed")


@pytest.mark.long
def test_the_command_exits_with_1_when_something_is_missing(place: Place, tmp_path):
    extra = {"platform": "kubernetes", "kubernetes_conn_id": "cluster", "namespace": place.namespace}
    extra["service_account"] = "nobody"
    credentials = {"kube_config_path": str(place.testbed.kubeconfig)}
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_DATA": json.dumps({"conn_type": "dcluster", "extra": extra}),
        "AIRFLOW_CONN_CLUSTER": json.dumps({"conn_type": "kubernetes", "extra": credentials}),
    }
    command = [
        AIRFLOW,
        "dcluster",
        "doctor",
        "--conn-id",
        "data",
        "--no-images",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    lines = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines()}
    assert "failed" in lines[f"service account {place.namespace}/nobody"]
    assert "ok" in lines["API server"]


@pytest.mark.long
def test_the_manifest_can_be_applied_twice(place: Place):
    place.granted()
    api = place.granted()
    assert check_access(api, place.namespace, PLATFORM + PROXY) == []
    with pytest.raises(ApiRefused):
        api.create(f"/api/v1/namespaces/{place.namespace}/pods", {"apiVersion": "v1", "kind": "Pod"})
