"""Whether the quotas of a namespace leave room for a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from dcluster_provider.platforms.kubernetes import spark_manifests
from dcluster_provider.platforms.kubernetes.api import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.doctor.check import Check
from dcluster_provider.platforms.kubernetes.doctor.trial_cluster import trial_cluster
from dcluster_provider.platforms.kubernetes.metadata import Place
from dcluster_provider.platforms.kubernetes.quantity import amount
from dcluster_provider.platforms.kubernetes.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

# What a quota may call the same.
_ALSO = {"requests.cpu": ("cpu",), "requests.memory": ("memory",), "pods": ("count/pods",)}


def check_quota(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Check:
    """Whether the quotas of a namespace leave room for a Spark cluster of the smallest size."""
    name = f"quota of {namespace}"
    try:
        quotas, _ = api.list(f"/api/v1/namespaces/{namespace}/resourcequotas")
    except ApiRefused as refusal:
        return Check(name, "warning", f"could not be looked at: {refusal.message}")
    if not quotas:
        return Check(name, "ok", "there is none")
    needed = _needed(settings, namespace)
    short = [told for quota in quotas for told in _too_little(quota, needed)]
    if short:
        return Check(
            name,
            "failed",
            f"no room for the smallest cluster: {'; '.join(short)}",
            "End clusters that are not needed, or have the quota raised.",
        )
    names = ", ".join(quota["metadata"]["name"] for quota in quotas)
    return Check(name, "ok", f"{names}: there is room for a cluster")


def _needed(settings: KubernetesSettings, namespace: str) -> Mapping[str, Decimal]:
    """What the smallest cluster counts for, by the names that quotas use."""
    cluster = trial_cluster(settings, "spark3")
    needed: Counter[str] = Counter()
    totals: dict[str, Decimal] = {}
    for manifest in spark_manifests.standalone(settings, cluster, Place(namespace)):
        if manifest["kind"] != "Deployment":
            continue
        pods = manifest["spec"]["replicas"]
        needed["pods"] += pods
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            for kind, resources in container.get("resources", {}).items():
                for resource, quantity in resources.items():
                    counted = f"{kind}.{resource}"
                    totals[counted] = totals.get(counted, Decimal(0)) + pods * amount(str(quantity))
    totals["pods"] = Decimal(needed["pods"])
    return {name: value for key, value in totals.items() for name in (key, *_ALSO.get(key, ()))}


def _too_little(quota: Json, needed: Mapping[str, Decimal]) -> list[str]:
    # A quota of some pods only (by priority, by quality of service) need not concern ours.
    if quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"):
        return []
    status = quota.get("status") or {}
    used = status.get("used") or {}
    told = []
    for resource, limit in (status.get("hard") or quota["spec"].get("hard") or {}).items():
        left = amount(limit) - amount(used.get(resource, "0"))
        if resource in needed and needed[resource] > left:
            told.append(
                f"{resource} of {quota['metadata']['name']}: {used.get(resource, '0')} of {limit} used"
            )
    return told
