"""Whether the quotas of a namespace leave room for a cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from dcluster_provider.core.sizing import amount
from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.cpu_limits import demands_cpu_limit
from dcluster_provider.platforms.kubernetes.doctor.image_trial import trial_cluster
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import manifests as spark_manifests

_COLLECTIONS = {"quota": "resourcequotas", "limit range": "limitranges"}
_Fault = tuple[str, str]  # what is wrong, and what to do
# What a quota may call the same.
_ALSO = {"requests.cpu": ("cpu",), "requests.memory": ("memory",), "pods": ("count/pods",)}


def check_quota(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Check:
    """Whether the quotas of a namespace leave room for a Spark cluster of the smallest size."""

    def why_not(quotas: list[Json]) -> _Fault | None:
        if settings.cpu_limit == "none" and demands_cpu_limit(quotas, ()):
            return (
                "it counts limits.cpu and takes no pod without a CPU limit; the connection's cpu_limit is none",
                "Set cpu_limit of the connection to request or a factor, or leave it empty.",
            )
        needed = _needed(_trial_pods(settings, namespace))
        short = [told for quota in quotas for told in _too_little(quota, needed)]
        if not short:
            return None
        return (
            f"no room for the smallest cluster: {'; '.join(short)}",
            "End clusters that are not needed, or have the quota raised.",
        )

    return _check(api, namespace, "quota", why_not, "there is room for a cluster")


def check_limit_ranges(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Check:
    """Whether the limit ranges of a namespace admit the pods of a Spark cluster of the smallest size."""

    def why_not(ranges: list[Json]) -> _Fault | None:
        containers = [each for _, pod in _trial_pods(settings, namespace) for each in pod]
        refused = [
            f"{each['metadata']['name']}: {told}"
            for each in ranges
            for item in each["spec"].get("limits") or ()
            if item.get("type") == "Container"
            for container in containers
            for told in _outside(item, container.get("resources") or {})
        ]
        if not refused:
            return None
        return (
            f"it does not admit the pods of the smallest cluster: {'; '.join(dict.fromkeys(refused))}",
            "Have the limit range changed, or set cpu_limit of the connection so that it fits.",
        )

    return _check(api, namespace, "limit range", why_not, "the pods of a cluster are admitted")


def _check(
    api: KubernetesApi, namespace: str, kind: str, why_not: Callable[[list[Json]], _Fault | None], well: str
) -> Check:
    """Whether objects of a namespace let a cluster in.

    :param kind: of the objects, in words.
    :param why_not: why they do not, and what to do.
    :param well: what is said when they do.
    """
    name = f"{kind} of {namespace}"
    try:
        found, _ = api.list(f"/api/v1/namespaces/{namespace}/{_COLLECTIONS[kind]}")
    except ApiRefused as refusal:
        return Check(name, "warning", f"could not be looked at: {refusal.message}")
    if not found:
        return Check(name, "ok", "there is none")
    fault = why_not(found)
    if fault is not None:
        return Check(name, "failed", *fault)
    return Check(name, "ok", f"{', '.join(each['metadata']['name'] for each in found)}: {well}")


def _trial_pods(settings: KubernetesSettings, namespace: str) -> list[tuple[int, list[Json]]]:
    """The pods of a Spark cluster of the smallest size: how many of each kind, and their containers."""
    manifests = spark_manifests.standalone(settings, trial_cluster(settings, "spark3"), Place(namespace))
    specs = [each["spec"] for each in manifests if each["kind"] == "Deployment"]
    return [(spec["replicas"], spec["template"]["spec"]["containers"]) for spec in specs]


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


def _needed(pods: Iterable[tuple[int, list[Json]]]) -> Mapping[str, Decimal]:
    """What pods count for, by the names that quotas use."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for count, containers in pods:
        totals["pods"] += count
        for container in containers:
            for kind, resources in (container.get("resources") or {}).items():
                for resource, quantity in resources.items():
                    totals[f"{kind}.{resource}"] += count * amount(str(quantity))
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
