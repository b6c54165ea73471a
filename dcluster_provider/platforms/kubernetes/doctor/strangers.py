"""Whether another Airflow has clusters in a namespace that carry the name of this deployment."""

from __future__ import annotations

from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.doctor.check import Check
from dcluster_provider.platforms.kubernetes.manifests.metadata import CLUSTER, registry_of, selector
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_MAX_NAMED = 5


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
