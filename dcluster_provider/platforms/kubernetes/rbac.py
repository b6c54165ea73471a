"""The roles to grant before clusters can be made, as manifests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.kubernetes.api.client import Json
from dcluster_provider.platforms.kubernetes.permissions import (
    DRIVER,
    FLINK,
    NODES,
    PLATFORM,
    PROXY,
    SERVER,
    RequiredPermission,
)

ROLE, DRIVER_ACCOUNT, SERVER_ROLE, NODES_ROLE = (
    "dcluster",
    "dcluster-driver",
    "dcluster-server",
    "dcluster-nodes",
)
_GROUP = "rbac.authorization.k8s.io"
_MANAGED = {"app.kubernetes.io/managed-by": "dcluster-provider"}


@dataclass(frozen=True)
class Subject:
    """Whom Kubernetes knows Airflow as.

    :param namespace: of a service account; empty for a user or a group.
    """

    kind: Literal["ServiceAccount", "User", "Group"]
    name: str
    namespace: str = ""

    @classmethod
    def service_account(cls, text: str) -> Subject:
        """A service account from ``namespace:name``, or ``namespace/name``.

        :raises InvalidSpec: it is not so written.
        """
        namespace, separator, name = text.replace("/", ":", 1).partition(":")
        if not (namespace and separator and name):
            raise InvalidSpec(
                f"service account {text!r}: write NAMESPACE:NAME, airflow:airflow-worker for instance"
            )
        return cls("ServiceAccount", name, namespace)

    def as_json(self) -> Json:
        """The subject as a role binding names it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": _GROUP}


def rbac_manifest(
    namespaces: Sequence[str],
    subjects: Sequence[Subject],
    *,
    proxy: bool = True,
    driver_account: str = DRIVER_ACCOUNT,
    flink_account: str = "",
    nodes: bool = False,
) -> list[Json]:
    """What an administrator applies: in each namespace a role for Airflow, and accounts for pods that need one.

    What holds in the whole cluster comes last; without the role ``dcluster-server`` clusters can be made, too.

    :param namespaces: of clusters.
    :param subjects: whom Airflow's role is granted to.
    :param proxy: engines are asked through the API server.
    :param driver_account: the service account to make for Spark drivers that make their own executors; empty means
        none.
    :param flink_account: the same for JobManagers that go on after a restart (``flink_ha``).
    :param nodes: a role for nodes, too, which holds in the whole cluster.
    """
    wanted = PLATFORM + PROXY if proxy else PLATFORM
    manifest: list[Json] = []
    for namespace in namespaces:
        manifest.append(_role(ROLE, namespace, wanted))
        manifest.append(_binding(ROLE, namespace, subjects))
        manifest += _account(driver_account, namespace, DRIVER) if driver_account else []
        manifest += _account(flink_account, namespace, FLINK) if flink_account else []
    for name, needed in ((SERVER_ROLE, SERVER), *(((NODES_ROLE, NODES),) if nodes else ())):
        # Bound under a name of its own for each Airflow, so that none takes another's rights away.
        first = next(iter(namespaces), "")
        manifest.append(_role(name, "", needed))
        manifest.append(_binding(name, "", subjects, "-".join(part for part in (name, first) if part)))
    return manifest


def _account(name: str, namespace: str, wanted: Iterable[RequiredPermission]) -> list[Json]:
    """A service account of pods, with what it may."""
    account: Json = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(name, namespace),
        "automountServiceAccountToken": False,
    }
    bound = [Subject("ServiceAccount", name, namespace)]
    return [account, _role(name, namespace, wanted), _binding(name, namespace, bound)]


def _role(name: str, namespace: str, wanted: Iterable[RequiredPermission]) -> Json:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": _metadata(name, namespace),
        "rules": [
            {"apiGroups": [access.group], "resources": [access.resource], "verbs": list(access.verbs)}
            | ({"resourceNames": list(access.names)} if access.names else {})
            for access in wanted
        ],
    }


def _binding(name: str, namespace: str, subjects: Sequence[Subject], own_name: str = "") -> Json:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": _metadata(own_name or name, namespace),
        "roleRef": {"apiGroup": _GROUP, "kind": "Role" if namespace else "ClusterRole", "name": name},
        "subjects": [subject.as_json() for subject in subjects],
    }


def _metadata(name: str, namespace: str) -> Json:
    """:param namespace: empty for what holds in the whole cluster."""
    place = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "labels": dict(_MANAGED)}
