"""What this package asks Kubernetes for, what of it somebody may not, and the roles to grant, as manifests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dcluster_provider.core.errors import DClusterError, InvalidSpec
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.settings import Queueing

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ROLE, DRIVER_ACCOUNT, SERVER_ROLE, QUEUES_ROLE, NODES_ROLE = (
    "dcluster",
    "dcluster-driver",
    "dcluster-server",
    "dcluster-queues",
    "dcluster-nodes",
)
_GROUP = "rbac.authorization.k8s.io"
_MANAGED = {"app.kubernetes.io/managed-by": "dcluster-provider"}


@dataclass(frozen=True)
class RequiredPermission:
    """Verbs on a kind of object in a namespace.

    :param group: of the API; empty means the core.
    :param resource: in the plural, with its subresource: ``pods/log``.
    :param purpose: what it is for, in words that follow "needed to".
    :param optional: without it this package works, and can tell less.
    :param names: of the objects that it is for; none means all.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    purpose: str
    optional: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class MissingPermission:
    """A verb that may not be used."""

    access: RequiredPermission
    verb: str

    def __str__(self) -> str:
        group = f".{self.access.group}" if self.access.group else ""
        return f"{self.verb} {self.access.resource}{group}"


# Of whoever runs Airflow's tasks, triggers and pages, in every namespace of clusters.
PLATFORM = (
    RequiredPermission("", "configmaps", ("get", "list", "create", "delete"), "make, find and end clusters"),
    RequiredPermission("", "secrets", ("get", "create"), "hand clusters and jobs their settings and secrets"),
    RequiredPermission("", "services", ("create", "patch"), "give masters a name"),
    RequiredPermission("apps", "deployments", ("create", "patch"), "make masters and workers"),
    RequiredPermission(
        "batch", "jobs", ("get", "create", "patch"), "run and stop the drivers and clients of jobs"
    ),
    RequiredPermission("networking.k8s.io", "networkpolicies", ("create", "patch"), "keep clusters apart"),
    RequiredPermission("policy", "poddisruptionbudgets", ("create", "patch"), "keep masters where they are"),
    RequiredPermission("", "pods", ("list", "watch"), "see how clusters and jobs are"),
    RequiredPermission("", "pods/log", ("get",), "read the logs of jobs"),
    RequiredPermission("", "events", ("list",), "tell why pods do not come up", optional=True),
    RequiredPermission("", "resourcequotas", ("list",), "tell how much of a quota is left", optional=True),
    RequiredPermission("", "limitranges", ("list",), "tell which limits pods need", optional=True),
    RequiredPermission("", "namespaces", ("get",), "tell the Pod Security level", optional=True),
    RequiredPermission("", "serviceaccounts", ("get",), "tell whether service accounts exist", optional=True),
    # Admission on OpenShift asks for it of whoever makes objects that keep their owner from being deleted.
    RequiredPermission(
        "", "configmaps/finalizers", ("update",), "own objects where owners are checked", optional=True
    ),
)
# The same, where Spark masters and JobManagers are asked through the API server.
PROXY = (
    RequiredPermission(
        "",
        "services/proxy",
        ("get", "create", "patch", "delete"),
        "ask Spark masters and JobManagers (engine_access: proxy)",
    ),
)
# The same, where Kueue admits clusters from queues.
KUEUE = (
    RequiredPermission(
        "kueue.x-k8s.io", "workloads", ("get", "list", "create"), "have clusters wait in queues"
    ),
    RequiredPermission(
        "kueue.x-k8s.io",
        "workloads/status",
        ("patch",),
        "tell Kueue that clusters are up, or that they wait again",
    ),
    RequiredPermission("kueue.x-k8s.io", "localqueues", ("get", "list"), "find queues"),
)
# The same, in the whole cluster.
KUEUE_SERVER = (
    RequiredPermission("kueue.x-k8s.io", "resourceflavors", ("get",), "put pods on the nodes of their quota"),
    RequiredPermission("kueue.x-k8s.io", "workloadpriorityclasses", ("get",), "order clusters in queues"),
)
# The same, where Volcano places clusters.
VOLCANO = (
    RequiredPermission(
        "scheduling.volcano.sh", "podgroups", ("get", "create"), "have Volcano place clusters together"
    ),
)
# Of the pods of Spark drivers that make their own executors.
DRIVER = tuple(
    RequiredPermission(
        "",
        resource,
        ("get", "list", "watch", "create", "patch", "delete", "deletecollection"),
        "make executors",
    )
    for resource in ("pods", "services", "configmaps", "persistentvolumeclaims")
)
# Of JobManagers that go on after a restart.
FLINK = (
    RequiredPermission(
        "",
        "configmaps",
        ("get", "list", "watch", "create", "update", "patch", "delete"),
        "elect a leader, and keep what it needs to go on",
    ),
)
# Of whoever runs Airflow's tasks, triggers and pages, in the whole cluster.
SERVER = (
    RequiredPermission(
        "", "namespaces", ("get",), "know this Kubernetes again", optional=True, names=("kube-system",)
    ),
    RequiredPermission(
        "storage.k8s.io", "storageclasses", ("get", "list"), "tell whether disks can be had", optional=True
    ),
)
# Of whoever launches, drains and gives back nodes, in the whole cluster.
NODES = (
    RequiredPermission("", "nodes", ("get", "list", "patch"), "see, cordon and label nodes"),
    RequiredPermission("", "pods", ("list",), "see what uses nodes"),
    RequiredPermission("", "pods/eviction", ("create",), "empty nodes"),
)


def queue_permissions(queueing: Queueing) -> tuple[RequiredPermission, ...]:
    """What clusters in queues take in each namespace."""
    return {"kueue": KUEUE, "volcano": VOLCANO}.get(queueing, ())


def queue_server_permissions(queueing: Queueing) -> tuple[RequiredPermission, ...]:
    """What they take in the whole cluster."""
    return KUEUE_SERVER if queueing == "kueue" else ()


def check_access(
    api: KubernetesApi, namespace: str, wanted: Iterable[RequiredPermission]
) -> list[MissingPermission]:
    """The verbs that the credentials in use may not use in a namespace, in the order of the table.

    :param namespace: empty means the whole cluster.
    :raises PlatformUnavailable: the API server does not answer.
    :raises ApiRefused: it does not tell.
    """
    asked = [MissingPermission(access, verb) for access in wanted for verb in access.verbs]
    answers = ask_at_once(lambda item: (item, _is_allowed(api, namespace, item)), asked, _raise)
    return [item for item, allowed in answers if not allowed]


def _raise(_: MissingPermission, error: DClusterError) -> tuple[MissingPermission, bool]:
    raise error


def _is_allowed(api: KubernetesApi, namespace: str, item: MissingPermission) -> bool:
    resource, _, subresource = item.access.resource.partition("/")
    attributes: Json = {
        "namespace": namespace,
        "verb": item.verb,
        "group": item.access.group,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(api.create(_REVIEWS, review)["status"]["allowed"])


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
    queueing: Queueing = "",
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
    :param queueing: what admits clusters from queues.
    """
    wanted = (PLATFORM + PROXY if proxy else PLATFORM) + queue_permissions(queueing)
    of_queues = queue_server_permissions(queueing)
    of_server = (
        (SERVER_ROLE, SERVER),
        *(((QUEUES_ROLE, of_queues),) if of_queues else ()),
        *(((NODES_ROLE, NODES),) if nodes else ()),
    )
    manifest: list[Json] = []
    for namespace in namespaces:
        manifest.append(_role(ROLE, namespace, wanted))
        manifest.append(_binding(ROLE, namespace, subjects))
        manifest += _account(driver_account, namespace, DRIVER) if driver_account else []
        manifest += _account(flink_account, namespace, FLINK) if flink_account else []
    for name, needed in of_server:
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
