"""Whether a namespace and what pods in it refer to exist."""

from __future__ import annotations

from collections.abc import Iterator

from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.manifests.metadata import CLUSTER, registry_of, selector
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings, listed

_LEVEL = "pod-security.kubernetes.io/enforce"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_PULL_TYPES = {"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"}
_MAX_NAMED = 5


def check_namespace(api: KubernetesApi, namespace: str) -> Check:
    """Whether a namespace exists, and which Pod Security level it enforces."""
    name = f"namespace {namespace}"
    try:
        found = api.get(f"/api/v1/namespaces/{namespace}")
    except ApiRefused as refusal:
        if refusal.status == 404:
            return _no_namespace(name)
        return _without_looking(api, namespace, name)
    if found["status"].get("phase") == "Terminating":
        return Check(name, "failed", "it is being deleted", "Wait until it is gone and make it anew.")
    level = (found["metadata"].get("labels") or {}).get(_LEVEL)
    told = f'enforces Pod Security "{level}"' if level else "enforces no Pod Security level"
    return Check(name, "ok", f"it exists and {told}; this package's pods meet restricted")


def check_accounts(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Iterator[Check]:
    """Whether the service accounts of the connection exist."""
    remedy = "Make it (airflow dcluster rbac prints those of drivers and of flink_ha), or correct {}."
    for field in ("service_account", "driver_service_account"):
        account = getattr(settings, field)
        if account:
            name = f"service account {namespace}/{account}"
            _, check = _poll(
                api, collection("ServiceAccount", namespace), account, name, remedy.format(field)
            )
            yield check


def check_pull_secrets(settings: KubernetesSettings, api: KubernetesApi, namespace: str) -> Iterator[Check]:
    """Whether the Secrets of registries exist, and are such."""
    remedy = "Make it (kubectl create secret docker-registry), or correct image_pull_secrets."
    for secret in listed(settings.image_pull_secrets):
        name = f"image pull secret {namespace}/{secret}"
        found, check = _poll(api, collection("Secret", namespace), secret, name, remedy)
        kind = found.get("type") if found else ""
        if kind and kind not in _PULL_TYPES:
            check = Check(
                name, "failed", f"its type is {kind}, which nodes do not use for registries", remedy
            )
        yield check


def check_storage_class(settings: KubernetesSettings, api: KubernetesApi) -> Check:
    """Whether workers can have disks of their own."""
    name = "storage class"
    if settings.storage_class:
        remedy = "Correct storage_class (kubectl get storageclass)."
        return _poll(api, _CLASSES, settings.storage_class, f"{name} {settings.storage_class}", remedy)[1]
    try:
        classes, _ = api.list(_CLASSES)
    except ApiRefused as refusal:
        return Check(name, "warning", f"could not be looked at: {refusal.message}")
    for each in classes:
        if (each["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
            return Check(name, "ok", f"the default is {each['metadata']['name']}")
    return Check(
        name,
        "warning",
        "there is no default storage class, so clusters with launchDynamicDisk would wait for ever",
        "Name one in storage_class, where launchDynamicDisk is used.",
    )


def _poll(api: KubernetesApi, path: str, wanted: str, name: str, remedy: str) -> tuple[Json | None, Check]:
    try:
        found = api.find(f"{path}/{wanted}")
    except ApiRefused as refusal:
        return None, Check(name, "warning", f"could not be looked at: {refusal.message}")
    if found is None:
        return None, Check(name, "failed", "it does not exist", remedy)
    return found, Check(name, "ok", "it exists")


def _no_namespace(name: str) -> Check:
    return Check(
        name,
        "failed",
        "it does not exist",
        "Make it (kubectl create namespace), or correct namespace or external_namespace of the connection.",
    )


def _without_looking(api: KubernetesApi, namespace: str, name: str) -> Check:
    """Whether a namespace exists that may not be read: making an object in it is tried without making it."""
    trial = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"generateName": "doctor-", "namespace": namespace},
    }
    try:
        api.create(collection("ConfigMap", namespace), trial, {"dryRun": "All"})
    except ApiRefused as refusal:
        if refusal.status == 404:
            return _no_namespace(name)
        return Check(name, "warning", f"whether it exists could not be seen: {refusal.message}")
    return Check(name, "ok", "it exists; its Pod Security level may not be read")


def check_strangers(
    settings: KubernetesSettings, api: KubernetesApi, namespace: str, registry_id: str
) -> Check:
    """Whether something of this deployment's name is in a namespace that the registry has not made.

    :param registry_id: of the connection's registry.
    """
    name = f"clusters in {namespace}"
    try:
        roots, _ = api.list(
            collection("ConfigMap", namespace),
            {"labelSelector": f"{selector(settings.deployment)},{CLUSTER}"},
        )
    except ApiRefused as refusal:
        return Check(name, "warning", f"could not be looked at: {refusal.message}")
    theirs = {
        root["metadata"]["labels"][CLUSTER]: registry_of(root) or "none"
        for root in roots
        if registry_of(root) != registry_id
    }
    if not theirs:
        return Check(
            name, "ok", f"all of deployment {settings.deployment!r} are of this registry ({registry_id})"
        )
    told = ", ".join(f"{cluster} (registry {it})" for cluster, it in sorted(theirs.items())[:_MAX_NAMED])
    more = f" and {len(theirs) - _MAX_NAMED} more" if len(theirs) > _MAX_NAMED else ""
    return Check(
        name,
        "warning",
        f"{len(theirs)} of deployment {settings.deployment!r} are not of this registry ({registry_id}): {told}{more}",
        "They are never touched from here. Give each Airflow a deployment of its own in its dcluster connection; when "
        "no Airflow uses that registry any more, delete them: kubectl delete configmap NAME.",
    )
