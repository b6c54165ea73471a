"""The checks in the order in which one builds on another."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.errors import DClusterError
from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused, ApiUnavailable
from dcluster_provider.platforms.kubernetes.api.server_identity import read_uid
from dcluster_provider.platforms.kubernetes.cpu_limits import CpuLimits
from dcluster_provider.platforms.kubernetes.doctor.image_trial import try_images
from dcluster_provider.platforms.kubernetes.doctor.namespace_checks import (
    check_accounts,
    check_namespace,
    check_pull_secrets,
    check_storage_class,
    check_strangers,
)
from dcluster_provider.platforms.kubernetes.doctor.queues import check_queues
from dcluster_provider.platforms.kubernetes.doctor.quota import check_limit_ranges, check_quota
from dcluster_provider.platforms.kubernetes.doctor.staging import check_staging
from dcluster_provider.platforms.kubernetes.permissions import (
    NODES,
    PLATFORM,
    PROXY,
    MissingPermission,
    RequiredPermission,
    check_access,
    queue_permissions,
    queue_server_permissions,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_OLDEST = (1, 27)  # what has podReplacementPolicy and probes as this package uses them


def examine(
    settings: KubernetesSettings,
    api: KubernetesApi,
    storage: ObjectStorage = NO_STORAGE,
    *,
    registry_id: str = "",
    images: bool = True,
    nodes: bool = False,
) -> Iterator[Check]:
    """Check one point after the other; each is told as soon as it is known.

    Nothing is left behind: what is made to try the images goes again, and would be found by the clean-up otherwise.

    :param storage: that a staging folder is in.
    :param registry_id: of the connection's registry; empty when that cannot be opened.
    :param images: try the images, by a pod for each.
    :param nodes: whether nodes may be launched, drained and given back, too.
    """
    server = _check_server(api)
    yield server
    if server.outcome == "failed":
        return
    yield _check_identity(api)
    for namespace in settings.namespaces:
        present = check_namespace(api, namespace)
        yield present
        if present.outcome == "failed":
            continue
        wanted: tuple[RequiredPermission, ...] = (
            *PLATFORM,
            *(PROXY if settings.engine_access == "proxy" else ()),
        )
        wanted += queue_permissions(settings.queueing)
        access = _check_access(api, namespace, wanted, f"access to {namespace}", f"--namespace {namespace}")
        yield access
        yield from check_accounts(settings, api, namespace)
        yield from check_pull_secrets(settings, api, namespace)
        limited = CpuLimits(settings, api).settings_in(namespace)
        yield check_quota(limited, api, namespace)
        yield check_limit_ranges(limited, api, namespace)
        if settings.queueing == "kueue":
            yield check_queues(settings, api, namespace)
        if registry_id:
            yield check_strangers(settings, api, namespace, registry_id)
        if images and access.outcome != "failed":
            yield from try_images(limited, api, namespace, registry_id)
    if settings.queueing == "kueue":
        of_server = queue_server_permissions(settings.queueing)
        yield _check_access(api, "", of_server, "access to Kueue", "--queueing kueue")
    yield check_storage_class(settings, api)
    if settings.staging:
        yield check_staging(settings, storage)
    if nodes:
        yield _check_access(api, "", NODES, "access to nodes", "--nodes")


def _check_server(api: KubernetesApi) -> Check:
    name = "API server"
    try:
        version = json.loads(
            api.text("/version")
        )  # asked once: nobody wants to wait a minute for this answer
    except ApiUnavailable as error:
        return Check(
            name,
            "failed",
            str(error),
            "Make sure that this machine reaches it (address, proxy, firewall), or correct the Kubernetes connection.",
        )
    except DClusterError as error:
        return Check(
            name,
            "failed",
            f"{api.host}: {error}",
            "Correct or renew the credentials of the Kubernetes connection.",
        )
    number = tuple(int("".join(filter(str.isdigit, version[part])) or 0) for part in ("major", "minor"))
    found = f"Kubernetes {version['gitVersion']} at {api.host}"
    if number < _OLDEST:
        oldest = ".".join(str(part) for part in _OLDEST)
        return Check(name, "warning", found, f"This package is made for Kubernetes {oldest} and later.")
    return Check(name, "ok", found)


def _check_identity(api: KubernetesApi) -> Check:
    name = "identity of the server"
    try:
        return Check(name, "ok", f"it is known again by the uid of kube-system, {read_uid(api)}")
    except DClusterError as error:
        return Check(
            name,
            "warning",
            f"it cannot be read: {error}; when the connection leads to another Kubernetes, clusters of this one count "
            "as gone",
            "Have an administrator apply what airflow dcluster rbac prints (the role dcluster-server).",
        )


def _check_access(
    api: KubernetesApi, namespace: str, wanted: tuple[RequiredPermission, ...], name: str, option: str
) -> Check:
    try:
        missing = check_access(api, namespace, wanted)
    except ApiRefused as refusal:
        return Check(name, "warning", f"It could not be asked what is allowed: {refusal}")
    if not missing:
        verbs = sum(len(access.verbs) for access in wanted)
        return Check(name, "ok", f"all {verbs} verbs are granted")
    needed = [item for item in missing if not item.access.optional]
    told = needed or missing
    purposes = ", ".join(dict.fromkeys(item.access.purpose for item in told))
    return Check(
        name,
        "failed" if needed else "warning",
        f"not allowed: {_listed(told)}; needed to {purposes}",
        f"Have an administrator apply what airflow dcluster rbac {option} prints.",
    )


def _listed(missing: list[MissingPermission]) -> str:
    return ", ".join(str(item) for item in missing)
