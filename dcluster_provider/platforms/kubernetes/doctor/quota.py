"""Whether the quotas of a namespace leave room for a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from dcluster_provider.platforms.kubernetes import spark_manifests
from dcluster_provider.platforms.kubernetes.api import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.cpu_limits import demands_cpu_limit
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
    if settings.cpu_limit == "none" and demands_cpu_limit(quotas, ()):
        return Check(
            name,
            "failed",
            "it counts limits.cpu and takes no pod without a CPU limit; the connection's cpu_limit is none",
            "Set cpu_limit of the connection to request or a factor, or leave it empty.",
        )
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


def check_limit_ranges(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Check:
    """Whether the limit ranges of a namespace admit the pods of a Spark cluster of the smallest size."""
    name = f"limit range of {namespace}"
    try:
        ranges, _ = api.list(f"/api/v1/namespaces/{namespace}/limitranges")
    except ApiRefused as refusal:
        return Check(name, "warning", f"could not be looked at: {refusal.message}")
    if not ranges:
        return Check(name, "ok", "there is none")
    refused = [
        f"{each['metadata']['name']}: {told}"
        for each in ranges
        for item in each["spec"].get("limits") or ()
        if item.get("type") == "Container"
        for container in _containers(settings, namespace)
        for told in _outside(item, container["resources"])
    ]
    if refused:
        return Check(
            name,
            "failed",
            f"it does not admit the pods of the smallest cluster: {'; '.join(dict.fromkeys(refused))}",
            "Have the limit range changed, or set cpu_limit of the connection so that it fits.",
        )
    names = ", ".join(each["metadata"]["name"] for each in ranges)
    return Check(name, "ok", f"{names}: the pods of a cluster are admitted")


def _containers(settings: KubernetesSettings, namespace: str) -> list[Json]:
    cluster = trial_cluster(settings, "spark3")
    manifests = spark_manifests.standalone(settings, cluster, Place(namespace))
    pods = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment"]
    return [container for pod in pods for container in pod["containers"] if container.get("resources")]


def _outside(item: Json, resources: Json) -> list[str]:
    """What of a container's resources is outside of a limit range."""
    told = []
    for resource in ("cpu", "memory"):
        request, limit = (resources.get(kind, {}).get(resource) for kind in ("requests", "limits"))
        least, most = ((item.get(kind) or {}).get(resource) for kind in ("min", "max"))
        ratio = (item.get("maxLimitRequestRatio") or {}).get(resource)
        if least and request and amount(str(request)) < amount(least):
            told.append(f"at least {least} of {resource}, and a pod requests {request}")
        if most and (limit or request) and amount(str(limit or request)) > amount(most):
            told.append(f"at most {most} of {resource}, and a pod has {limit or request}")
        if ratio and request and limit and amount(str(limit)) > amount(ratio) * amount(str(request)):
            told.append(f"{resource} limits of at most {ratio} times the request, and a pod has {limit}")
    return told


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
