"""Clusters that a real Kubernetes refuses or cannot run: what a person is told, and that nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes.config import new_client_from_config
from testbed.testbed import CommandFailed

from dcluster_provider.control.connect import Control
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import ClusterState
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest
from tests.live.kubernetes.conftest import SMALL, Bench, until
from tests.live.kubernetes.failures import Failure, Table, failed_cluster

LITTLE = {"requests": {"cpu": "50m"}}
MISSING_ENV = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "token"}}}
MISSING_VOLUME = {"name": "extra", "secret": {"secretName": "absent"}}


def overlay(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """The field of a connection that lays this over pods."""
    engine = {"name": "engine", "resources": LITTLE} | (container or {})
    return {"pod_template": json.dumps({"spec": {"containers": [engine]} | spec})}


@dataclass(frozen=True)
class Case:
    """A cluster that cannot be.

    :param codes: of which one is to be told, separated by ``|``.
    :param parts: of the text: of its cause, its evidence and its remedy.
    :param fields: of the connection.
    :param place: the namespace: ``own`` or a key of the fixture's.
    """

    what: str
    codes: str
    parts: tuple[str, ...]
    fields: dict[str, Any] = field(default_factory=overlay)
    spec: dict[str, Any] = field(default_factory=dict)
    place: str = "own"


CASES = {
    "bad-image": Case(
        "image that does not exist",
        "RegistryUnreachable|ImageNotFound|ImagePullFailed|ImageAccessDenied",
        ("registry.invalid/spark:none", "ErrImagePull", "spark3_image of the connection"),
        {"spark3_image": "registry.invalid/spark:none"} | overlay(),
    ),
    "missing-secret": Case(
        "environment from a Secret that is missing",
        "ReferenceMissing",
        (
            "secret absent that it refers to does not exist",
            "CreateContainerConfigError",
            "Make it, or correct",
        ),
        overlay({"env": [MISSING_ENV]}),
    ),
    "no-node": Case(
        "node selector that no node has",
        "Unschedulable",
        (
            "has had no node for",
            "didn't match Pod's node affinity/selector",
            "node_selector of the connection",
        ),
        {"node_selector": '{"disk": "no-such"}', "unschedulable_timeout": 5} | overlay(),
    ),
    "no-volume": Case(
        "disk of a storage class that is missing",
        "VolumePending",
        (
            'storageclass.storage.k8s.io "no-such" not found',
            "ProvisioningFailed",
            "storage_class of the connection",
        ),
        {"storage_class": "no-such", "unschedulable_timeout": 30} | overlay(),
        {"launchDynamicDisk": True},
    ),
    "no-mount": Case(
        "volume of a Secret that is missing",
        "FailedMount",
        ("the secret absent does not exist", "MountVolume.SetUp failed", "Make what is missing"),
        {"mount_timeout": 10}
        | overlay({"volumeMounts": [{"name": "extra", "mountPath": "/extra"}]}, volumes=[MISSING_VOLUME]),
    ),
    "root": Case(
        "root in a namespace of restricted Pod Security",
        "PodSecurity",
        ('"restricted:latest"', "runAsUser=0", "FailedCreate", "Remove from the connection's pod_template"),
        overlay(securityContext={"runAsUser": 0}),
    ),
    "crash": Case(
        "setting that ends the master",
        "BadSetting|CrashLoopBackOff",
        ("spark.deploy.retainedApplications", "exit code 1", "ended"),
        spec={"extraConfigs": {"spark.deploy.retainedApplications": "many"}},
    ),
    "nobody": Case(
        "service account that is missing",
        "ServiceAccountMissing",
        ("no service account nobody", "FailedCreate", "airflow dcluster rbac"),
        {"service_account": "nobody"} | overlay(),
    ),
    "quota": Case(
        "quota that is full",
        "QuotaExceeded",
        ("the quota small", "pods 1 asked for, 1 of 1 used", "FailedCreate", "have the quota raised"),
        place="quota",
    ),
    "policy": Case(
        "admission policy that forbids the pods",
        "PolicyDenied",
        ("the admission policy no-engines", "no engines here", "FailedCreate", "ask who wrote the policy"),
        place="policy",
    ),
    "wrong-value": Case(
        "value in the overlay that Kubernetes does not know",
        "InvalidPodTemplate",
        ("pod_template is not valid", "imagePullPolicy", "Sometimes", "there."),
        overlay({"imagePullPolicy": "Sometimes"}),
    ),
    "forbidden": Case(
        "namespace where nothing may be made",
        "Forbidden",
        ("may not create configmaps", "403 Forbidden", "airflow dcluster rbac --namespace kube-system"),
        place="kube-system",
    ),
    "no-namespace": Case(
        "namespace that is missing",
        "NamespaceMissing",
        ("there is no namespace no-such", "404 NotFound", "kubectl create namespace"),
        place="no-such",
    ),
}


@pytest.fixture(scope="module")
def table(tables) -> Table:
    return Table("clusters that a real Kubernetes does not give", tables)


@pytest.fixture(scope="module")
def provoked(bench) -> Iterator[dict[str, tuple[Control, Future[Failure]]]]:
    """All cases, each with its connection, at once: most of them only wait."""
    with ExitStack() as ending:
        places = _places(bench, ending)
        pool = ending.enter_context(ThreadPoolExecutor(len(CASES)))
        controls = {name: _control(bench, case, places) for name, case in CASES.items()}
        yield {
            name: (
                controls[name],
                pool.submit(failed_cluster, controls[name], SMALL | case.spec | {"tenant": name}),
            )
            for name, case in CASES.items()
        }


def _control(bench: Bench, case: Case, places: dict[str, str]) -> Control:
    namespace = places.get(case.place, case.place)
    if case.place != "no-such":
        return bench.control(namespace=namespace, **case.fields)

    # Who may do nothing in a namespace is not told whether it exists: an administrator asks.
    def administrator(_conn_id: str) -> Any:
        return new_client_from_config(str(bench.testbed.kubeconfig))

    return bench.control(administrator, namespace=namespace, **case.fields)


def _places(bench: Bench, ending: ExitStack) -> dict[str, str]:
    """The namespaces of the cases."""
    testbed, own = bench.testbed, bench.connection.namespace
    places = {name: ending.enter_context(testbed.namespace(name)) for name in ("quota", "policy")}
    testbed.apply(*rbac_manifest(list(places.values()), [Subject("ServiceAccount", "airflow", own)]))
    quota = {"name": "small", "namespace": places["quota"]}
    testbed.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": quota, "spec": {"hard": {"pods": "1"}}}
    )
    testbed.apply(*_policy(places["policy"]))
    ending.callback(_remove_policy, bench)
    assert until(lambda: _has_used(bench, places["quota"]))
    assert until(lambda: _is_refused(bench, places["policy"]))
    return places | {"own": own}


def _policy(namespace: str) -> list[dict[str, Any]]:
    kind = "ValidatingAdmissionPolicy"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    only = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "no-engines"}}
    return [
        api
        | {
            "kind": kind,
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": "no engines here"}],
            },
        },
        api
        | {
            "kind": f"{kind}Binding",
            "spec": {"policyName": "no-engines", "validationActions": ["Deny"], "matchResources": only},
        },
    ]


def _remove_policy(bench: Bench) -> None:
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        bench.testbed.kubectl("delete", kind, "no-engines", "--ignore-not-found")


def _has_used(bench: Bench, namespace: str) -> bool:
    quota = bench.testbed.get("get", "resourcequota", "small", f"--namespace={namespace}")
    return "used" in quota.get("status", {})


# Pod Security is asked before the policy, and must have nothing to say.
_RESTRICTED_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "x"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "x",
                "image": "x",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


def _is_refused(bench: Bench, namespace: str) -> bool:
    try:
        where = (f"--namespace={namespace}", "--dry-run=server", "--filename=-")
        bench.testbed.kubectl("create", *where, stdin=json.dumps(_RESTRICTED_POD))
    except CommandFailed as refusal:
        return "no engines here" in str(refusal)
    return False


@pytest.mark.parametrize("name", CASES)
def test_a_cluster_that_cannot_be_says_why_and_leaves_nothing(name, bench, provoked, table):
    case = CASES[name]
    control, provoking = provoked[name]
    failure = provoking.result()
    table.check(case.what, failure, case.codes, case.parts)
    (found,) = control.clusters.list(tenant=name)
    # The launch itself waits half a minute at most for the end of a cluster that is refused.
    assert until(lambda: control.clusters.observe([found.id])[found.id].state is ClusterState.FAILED)
    assert not [left for left in bench.left(everywhere=True) if found.name in left]


@pytest.mark.parametrize(
    ("extra", "parts"),
    [
        (
            {"pod_template": {"spec": {"containers": [{"name": "engine", "$patch": "delete"}]}}},
            ("field pod_template", "spec.containers[0]", "cannot be taken away"),
        ),
        (
            {"pod_template": json.loads(overlay({"resources": {"limits": {"cpu": "lots"}}})["pod_template"])},
            ("field pod_template", "spec.containers[0].resources.limits", "cpu", "'lots'", "500m"),
        ),
        ({"disk_size": "lots"}, ("connection 'k8s'", "field disk_size", "'lots'", "512Mi")),
        ({"namespace": "No_Such"}, ("field namespace", "'No_Such'", "lower case letters")),
    ],
)
def test_a_connection_that_cannot_be_is_refused_when_it_is_read(extra, parts):
    with pytest.raises(InvalidSpec) as raised:
        settings_from("k8s", {"platform": "kubernetes"} | extra)
    assert not [part for part in parts if part not in str(raised.value)], raised.value
