"""What this package asks Kubernetes for, and what of it somebody may not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dcluster_provider.core.errors import DClusterError
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.kubernetes.api import Json, KubernetesApi

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Access:
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
class Missing:
    """A verb that may not be used."""

    access: Access
    verb: str

    def __str__(self) -> str:
        group = f".{self.access.group}" if self.access.group else ""
        return f"{self.verb} {self.access.resource}{group}"


# Of whoever runs Airflow's tasks, triggers and pages, in every namespace of clusters.
PLATFORM = (
    Access("", "configmaps", ("get", "list", "create", "delete"), "make, find and end clusters"),
    Access("", "secrets", ("get", "create"), "hand clusters and jobs their settings and secrets"),
    Access("", "services", ("create", "patch"), "give masters a name"),
    Access("apps", "deployments", ("create", "patch"), "make masters and workers"),
    Access("batch", "jobs", ("get", "create", "patch"), "run and stop the drivers and clients of jobs"),
    Access("networking.k8s.io", "networkpolicies", ("create", "patch"), "keep clusters apart"),
    Access("policy", "poddisruptionbudgets", ("create", "patch"), "keep masters where they are"),
    Access("", "pods", ("list", "watch"), "see how clusters and jobs are"),
    Access("", "pods/log", ("get",), "read the logs of jobs"),
    Access("", "events", ("list",), "tell why pods do not come up", optional=True),
    Access("", "resourcequotas", ("list",), "tell how much of a quota is left", optional=True),
    Access("", "limitranges", ("list",), "tell which limits pods need", optional=True),
    Access("", "namespaces", ("get",), "tell the Pod Security level", optional=True),
    Access("", "serviceaccounts", ("get",), "tell whether service accounts exist", optional=True),
    # Admission on OpenShift asks for it of whoever makes objects that keep their owner from being deleted.
    Access("", "configmaps/finalizers", ("update",), "own objects where owners are checked", optional=True),
)
# The same, where Spark masters and JobManagers are asked through the API server.
PROXY = (
    Access(
        "",
        "services/proxy",
        ("get", "create", "patch", "delete"),
        "ask Spark masters and JobManagers (engine_access: proxy)",
    ),
)
# Of the pods of Spark drivers that make their own executors.
DRIVER = tuple(
    Access(
        "",
        resource,
        ("get", "list", "watch", "create", "patch", "delete", "deletecollection"),
        "make executors",
    )
    for resource in ("pods", "services", "configmaps", "persistentvolumeclaims")
)
# Of JobManagers that go on after a restart.
FLINK = (
    Access(
        "",
        "configmaps",
        ("get", "list", "watch", "create", "update", "patch", "delete"),
        "elect a leader, and keep what it needs to go on",
    ),
)
# Of whoever runs Airflow's tasks, triggers and pages, in the whole cluster.
SERVER = (
    Access("", "namespaces", ("get",), "know this Kubernetes again", optional=True, names=("kube-system",)),
    Access(
        "storage.k8s.io", "storageclasses", ("get", "list"), "tell whether disks can be had", optional=True
    ),
)
# Of whoever launches, drains and gives back nodes, in the whole cluster.
NODES = (
    Access("", "nodes", ("get", "list", "patch"), "see, cordon and label nodes"),
    Access("", "pods", ("list",), "see what uses nodes"),
    Access("", "pods/eviction", ("create",), "empty nodes"),
)


def check_access(api: KubernetesApi, namespace: str, wanted: Iterable[Access]) -> list[Missing]:
    """The verbs that the credentials in use may not use in a namespace, in the order of the table.

    :param namespace: empty means the whole cluster.
    :raises PlatformUnavailable: the API server does not answer.
    :raises ApiRefused: it does not tell.
    """
    asked = [Missing(access, verb) for access in wanted for verb in access.verbs]
    answers = ask_at_once(lambda item: (item, _is_allowed(api, namespace, item)), asked, _raise)
    return [item for item, allowed in answers if not allowed]


def _raise(_: Missing, error: DClusterError) -> tuple[Missing, bool]:
    raise error


def _is_allowed(api: KubernetesApi, namespace: str, item: Missing) -> bool:
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
