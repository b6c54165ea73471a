"""Whether the queues of Kueue that clusters are to wait in are there."""

from __future__ import annotations

from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_DEFAULT = "default"  # which Kueue gives to every Job, Deployment and pod of the namespace that names none


def check_queues(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Check:
    """Look for the connection's queue in a namespace, and for one that Kueue would give to our objects by itself."""
    title = f"queues in {namespace}"
    try:
        found, _ = api.list(collection("LocalQueue", namespace))
    except ApiRefused as refusal:
        if refusal.status == 404:
            return Check(
                title,
                "failed",
                "this Kubernetes serves no kueue.x-k8s.io/v1beta2",
                "Install Kueue 0.15 or later, or correct queueing of the connection.",
            )
        return Check(title, "warning", f"could not be looked at: {refusal.message}")
    names = sorted(each["metadata"]["name"] for each in found)
    there = ", ".join(names) or "none"
    if settings.queue_name and settings.queue_name not in names:
        return Check(
            title,
            "failed",
            f"there is no LocalQueue {settings.queue_name}; there are: {there}",
            "Have it made, or correct queue_name of the connection.",
        )
    if _DEFAULT in names:
        return Check(
            title,
            "warning",
            "there is a LocalQueue default, which Kueue gives to the Deployments and Jobs of clusters, too, so that "
            "they are held and counted a second time",
            "Give it another name, or have Kueue leave Deployments, Jobs and pods of this namespace alone.",
        )
    return Check(title, "ok", f"there are: {there}")
