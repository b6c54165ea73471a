"""The command ``airflow dcluster doctor``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator

from dcluster_provider.cli.printing import print_table_or_json
from dcluster_provider.cli.session import command, print_progress
from dcluster_provider.core.errors import DClusterError, Diagnosed
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.capabilities import Check, SupportsExamination


@command
def doctor(args: Namespace, hook: DClusterHook) -> None:
    """Check the registry and the platform, and exit with 1 when clusters cannot run."""
    checks = []
    for check in _checks(args, hook):
        print_progress(f"{check.name}: {check.outcome}")
        checks.append(check)
    rows = [(check.name, check.outcome, check.found, check.remedy) for check in checks]
    print_table_or_json(("CHECK", "OUTCOME", "FOUND", "REMEDY"), rows, args.output)
    if any(check.outcome == "failed" for check in checks):
        raise SystemExit(1)


def _checks(args: Namespace, hook: DClusterHook) -> Iterator[Check]:
    yield _described("registry", lambda: _registry(hook))
    platform = hook.control.platform
    if not isinstance(platform, SupportsExamination):
        yield _described("platform", platform.describe)
        return
    try:
        yield from platform.examine(
            images=not args.no_images, nodes=hook.settings.nodes.cloud_settings.can_launch
        )
    except DClusterError as error:
        yield _failed(platform.name.capitalize(), error)


def _registry(hook: DClusterHook) -> str:
    return hook.control.registry.describe()


def _described(name: str, describe: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", describe())
    except DClusterError as error:
        return _failed(name, error)


def _failed(name: str, error: DClusterError) -> Check:
    if isinstance(error, Diagnosed):
        return Check(name, "failed", error.diagnosis.cause, error.diagnosis.remedy)
    return Check(name, "failed", str(error))
