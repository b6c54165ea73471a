"""The nodes of a Kubernetes cluster: listing, cordoning, labelling, and evicting pods from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TypeVar

from dcluster_provider.core.cluster_nodes import POD_ANNOTATIONS, ClusterNode, NodePod
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.platforms.capabilities import Eviction
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import ALL_PODS, NODES, collection
from dcluster_provider.platforms.kubernetes.api.refusals import NAMESPACE_TERMINATING, ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis import RequestCode
from dcluster_provider.platforms.kubernetes.pods.pod import read_time

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MIRROR = "kubernetes.io/config.mirror"
_FEW_NODES = 10  # whose pods are asked for one node after the other
_TRIES = 5  # of a change that somebody else's change of the same node may get in the way of

Read = TypeVar("Read")


class KubernetesNodes:
    """The nodes of one Kubernetes cluster; see :class:`~dcluster_provider.platforms.capabilities.ClusterNodes`.

    Every method raises ``PlatformRefused`` when the credentials lack the right, naming it.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def nodes(self) -> list[ClusterNode]:
        """Every node, all pages."""
        return self._listed(NODES, {}, _node)

    def pods(self, nodes: Sequence[str] = ()) -> list[NodePod]:
        """The pods on some nodes, or on all of them."""
        if not nodes:
            return self._listed(ALL_PODS, {"fieldSelector": "spec.nodeName!="}, _pod)
        if len(nodes) > _FEW_NODES:
            wanted = set(nodes)
            return [pod for pod in self.pods() if pod.node in wanted]
        return [
            pod
            for name in dict.fromkeys(nodes)
            for pod in self._listed(ALL_PODS, {"fieldSelector": f"spec.nodeName={name}"}, _pod)
        ]

    def cordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        """Let a node take no new pods, and annotate it in the same request."""
        return self._schedule(node, annotations, unschedulable=True)

    def uncordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        """Let a node take new pods again, and annotate it in the same request."""
        return self._schedule(node, annotations, unschedulable=False)

    def label(
        self, node: ClusterNode, labels: Mapping[str, str], taints: Sequence[Mapping[str, str]]
    ) -> bool:
        """Give a node labels and taints; a taint takes the place of one of the same key and effect."""
        for _ in range(_TRIES):
            with _rights("get nodes"):
                found = self._api.find(f"{NODES}/{node.name}")
            if found is None or found["metadata"]["uid"] != node.uid:
                return False
            had = found["spec"].get("taints") or []
            merged = _merged(had, taints)
            if merged == had and labels.items() <= (found["metadata"].get("labels") or {}).items():
                return True
            # Taints can only be replaced all at once: the version refuses it where somebody was quicker.
            version = found["metadata"]["resourceVersion"]
            change: Json = {"labels": dict(labels), "uid": node.uid, "resourceVersion": version}
            if self._patch(node.name, {"metadata": change, "spec": {"taints": merged}}):
                return True
        raise PlatformUnavailable(f"node {node.name} is changed by others all the time; it was not labelled")

    def evict(self, pod: NodePod) -> Eviction:
        """Ask for a pod to be ended, once; what a PodDisruptionBudget forbids is not asked for again."""
        body: Json = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        try:
            with _rights("create pods/eviction"):
                self._api.create(f"{collection('Pod', pod.namespace)}/{pod.name}/eviction", body)
        except ApiRefused as refusal:
            if refusal.status in {404, 409}:
                return Eviction("gone", refusal.message)
            if refusal.status in {429, 500}:
                return Eviction("blocked", _budget(refusal))
            if NAMESPACE_TERMINATING in refusal.kinds:  # and with it every pod in it
                return Eviction("begun", refusal.message)
            raise
        return Eviction("begun")

    def _schedule(
        self, node: ClusterNode, annotations: Mapping[str, str | None] | None, *, unschedulable: bool
    ) -> bool:
        metadata: Json = {"uid": node.uid}
        if annotations:
            metadata["annotations"] = dict(annotations)
        return self._patch(
            node.name, {"metadata": metadata, "spec": {"unschedulable": unschedulable or None}}
        )

    def _patch(self, name: str, body: Json) -> bool:
        """Whether a change was made: the node is there, has this uid, and this version where one is given."""
        try:
            with _rights("patch nodes"):
                self._api.merge(f"{NODES}/{name}", body)
        except ApiRefused as refusal:
            # A uid that is not the object's is a change of it to the API server, which is invalid.
            is_another = any(field == "metadata.uid" for field, _ in refusal.causes)
            if refusal.status in {404, 409} or is_another:
                return False
            raise
        return True

    def _listed(self, path: str, query: Mapping[str, str], read: Callable[[Json], Read]) -> list[Read]:
        for _ in range(_TRIES):
            try:
                with _rights(f"list {path.rpartition('/')[2]}"):
                    pages = self._api.pages(path, query)
                    return [read(item) for page in pages for item in page.get("items") or ()]
            except ApiRefused as refusal:
                # The list got too old while it was read; half of it is worth nothing.
                if refusal.status != 410:
                    raise
        raise PlatformUnavailable(f"{path} could not be listed to its end: it is read too slowly")


@contextmanager
def _rights(what: str) -> Iterator[None]:
    try:
        yield
    except ApiRefused as refusal:
        if refusal.status != 403 or NAMESPACE_TERMINATING in refusal.kinds:
            raise
        raise PlatformRefused(
            "The nodes of Kubernetes",
            Diagnosis(
                RequestCode.FORBIDDEN,
                f"The credentials of the Kubernetes connection may not {what} in the whole cluster.",
                "Have an administrator apply what airflow dcluster rbac --nodes prints.",
                (refusal.message,),
            ),
        ) from refusal


def _node(item: Json) -> ClusterNode:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    ready = any(it["type"] == "Ready" and it["status"] == "True" for it in status.get("conditions") or ())
    return ClusterNode(
        name=metadata["name"],
        uid=metadata["uid"],
        provider_id=spec.get("providerID", ""),
        ready=ready,
        cordoned=bool(spec.get("unschedulable")),
        created_at=read_time(metadata.get("creationTimestamp")) or _EPOCH,
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
    )


def _pod(item: Json) -> NodePod:
    metadata, spec = item["metadata"], item["spec"]
    annotations = metadata.get("annotations") or {}
    owners = [it["kind"] for it in metadata.get("ownerReferences") or () if it.get("controller")]
    return NodePod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node=spec["nodeName"],
        owner=owners[0] if owners else "",
        phase=(item.get("status") or {}).get("phase", "Pending"),
        mirror=_MIRROR in annotations,
        ends_at=read_time(metadata.get("deletionTimestamp")),
        annotations={name: annotations[name] for name in POD_ANNOTATIONS if name in annotations},
        local_volumes=tuple(it["name"] for it in spec.get("volumes") or () if _is_local(it)),
    )


def _is_local(volume: Json) -> bool:
    empty = volume.get("emptyDir")
    return "hostPath" in volume or (empty is not None and empty.get("medium") != "Memory")


def _merged(had: Sequence[Json], new: Sequence[Mapping[str, str]]) -> list[Json]:
    places = {(it["key"], it["effect"]) for it in new}
    kept = [it for it in had if (it["key"], it.get("effect")) not in places]
    same = [dict(it) for it in new] if any(dict(it) not in had for it in new) else []
    return kept + same if same else list(had)


def _budget(refusal: ApiRefused) -> str:
    return "; ".join(message for _, message in refusal.causes if message) or refusal.message
