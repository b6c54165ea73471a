"""``airflow dcluster doctor``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator

from dcluster_provider.cli.printing import print_table_or_json
from dcluster_provider.cli.session import command, tell
from dcluster_provider.core.errors import DClusterError, Diagnosed
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.kubernetes.doctor.check import Check
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


@command
def doctor(args: Namespace, hook: DClusterHook) -> None:
    """Check the registry and the platform, and exit with 1 when clusters cannot run."""
    checks = []
    for check in _checks(args, hook):
        tell(f"{check.name}: {check.outcome}")
        checks.append(check)
    rows = [(check.name, check.outcome, check.found, check.remedy) for check in checks]
    print_table_or_json(("CHECK", "OUTCOME", "FOUND", "REMEDY"), rows, args.output)
    if any(check.outcome == "failed" for check in checks):
        raise SystemExit(1)


def _checks(args: Namespace, hook: DClusterHook) -> Iterator[Check]:
    yield _described("registry", lambda: _registry(hook))
    if hook.settings.kubernetes is None:
        yield _described("platform", lambda: _platform(hook))
        return
    try:
        has_cloud = hook.settings.nodes.cloud != "on-premises"
        yield from _examine(hook, hook.settings.kubernetes, images=not args.no_images, nodes=has_cloud)
    except DClusterError as error:
        yield _failed("Kubernetes", error)


def _registry(hook: DClusterHook) -> str:
    from dcluster_provider.registry.store import Registry

    return Registry(hook.settings.registry_url).describe()


def _platform(hook: DClusterHook) -> str:
    return hook.control.platform.describe()


def _examine(
    hook: DClusterHook, settings: KubernetesSettings, *, images: bool, nodes: bool
) -> Iterator[Check]:
    from dcluster_provider.hooks.kubernetes_client import kubernetes_client
    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
    from dcluster_provider.platforms.kubernetes.doctor import examine

    client = kubernetes_client(settings.conn_id)
    yield from examine(
        settings, KubernetesApi(lambda: client), registry_id=_registry_id(hook), images=images, nodes=nodes
    )


def _registry_id(hook: DClusterHook) -> str:
    from dcluster_provider.registry.store import Registry

    try:
        return Registry(hook.settings.registry_url).id
    except DClusterError:  # the check of the registry has told of it
        return ""


def _described(name: str, describe: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", describe())
    except DClusterError as error:
        return _failed(name, error)


def _failed(name: str, error: DClusterError) -> Check:
    if isinstance(error, Diagnosed):
        return Check(name, "failed", error.diagnosis.cause, error.diagnosis.remedy)
    return Check(name, "failed", str(error))
