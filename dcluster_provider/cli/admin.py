"""The commands of whoever runs Airflow: what is checked, granted, installed, maintained and alerted of."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from dcluster_provider.cli.printing import print_report, print_table_or_json
from dcluster_provider.cli.session import command, print_progress
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import DClusterError, Diagnosed, InvalidSpec, NotFound
from dcluster_provider.core.spec import parse
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.capabilities import Check, SupportsExamination
from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.local.installation.engines import (
    installed_engines,
    remove_engine,
)
from dcluster_provider.platforms.local.platform import install_engine
from dcluster_provider.platforms.local.settings import LocalSettings


@command
def doctor(args: Namespace, hook: DClusterHook) -> None:
    """Check the registry and the platform, and exit with 1 when clusters cannot run."""
    checks = []
    for each in _checks(args, hook):
        print_progress(f"{each.name}: {each.outcome}")
        checks.append(each)
    rows = [(each.name, each.outcome, each.found, each.remedy) for each in checks]
    print_table_or_json(("CHECK", "OUTCOME", "FOUND", "REMEDY"), rows, args.output)
    if any(each.outcome == "failed" for each in checks):
        raise SystemExit(1)


def _checks(args: Namespace, hook: DClusterHook) -> Iterator[Check]:
    yield _described("registry", lambda: _describe_registry(hook))
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


def _describe_registry(hook: DClusterHook) -> str:
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


@command
def rbac(args: Namespace, hook: DClusterHook) -> None:
    """Print, as YAML, the roles that an administrator has to grant; no cluster is contacted."""
    subjects = _subjects(args)
    namespaces, proxy, flink_account = args.namespace, True, args.flink_account
    queueing = args.queueing
    if not namespaces or args.conn_id != hook.default_conn_name:
        settings = hook.settings.platform_settings
        if not isinstance(settings, KubernetesSettings):
            raise InvalidSpec(
                f"connection {args.conn_id!r} is not of the Kubernetes platform; give the namespaces with --namespace"
            )
        namespaces = namespaces or settings.namespaces
        proxy = settings.engine_access == "proxy"
        queueing = queueing or settings.queueing
        if settings.flink_ha:
            flink_account = flink_account or settings.service_account
    manifest = rbac_manifest(
        namespaces,
        subjects,
        proxy=proxy,
        driver_account=args.driver_account,
        flink_account=flink_account,
        nodes=args.nodes,
        queueing=queueing,
    )
    print(_yaml(manifest), end="")  # noqa: T201  # output


def _yaml(manifest: list[dict[str, Any]]) -> str:
    import yaml  # type: ignore[import-untyped]

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the library has no types
        pass

    def quoted(dumper: Any, text: str) -> Any:
        # A name such as y is a boolean to kubectl, and not to this library.
        style = '"' if text.lower() in {"y", "n"} else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, quoted)
    return str(yaml.dump_all(manifest, Dumper=Dumper, sort_keys=False, explicit_start=True))


def _subjects(args: Namespace) -> list[Subject]:
    subjects = [Subject.service_account(text) for text in args.service_account or ()]
    subjects += [Subject("User", name) for name in args.user or ()]
    subjects += [Subject("Group", name) for name in args.group or ()]
    if not subjects:
        raise InvalidSpec(
            "name the identity of Airflow: --service-account NAMESPACE:NAME where it runs in Kubernetes, --user or "
            "--group otherwise (kubectl auth whoami prints it)"
        )
    return subjects


@command
def list_engines(args: Namespace, hook: DClusterHook) -> None:
    """List the installed engines with their versions, sizes and folders."""
    engines = installed_engines(hook.backend_settings(LocalSettings).engines_folder)
    rows = [(it.name, it.kind, it.version, f"{it.size // 10**6} MB", str(it.folder)) for it in engines]
    print_table_or_json(("NAME", "ENGINE", "VERSION", "SIZE", "FOLDER"), rows, args.output)


@command
def install_engines(args: Namespace, hook: DClusterHook) -> None:
    """Install the engine of a type of clusters unless it is installed, and print its folder."""
    settings = hook.backend_settings(LocalSettings)
    asked = {"tenant": "nobody", "type": args.type, "engine_version": args.engine_version}
    spec = parse(ClusterSpec, asked)
    settings.check_version(spec)
    engine = install_engine(spec, settings, print_progress)
    print(f"{engine.kind} {engine.version} in {engine.home}, Java {engine.java_version}")  # noqa: T201  # output


@command
def remove_engines(args: Namespace, hook: DClusterHook) -> None:
    """Remove every installed version of an engine."""
    folder = hook.backend_settings(LocalSettings).engines_folder
    names = [it.name for it in installed_engines(folder) if it.kind == args.engine]
    if not names:
        raise NotFound(f"no {args.engine} is installed in {folder}; see airflow dcluster engines list")
    for name in names:
        remove_engine(folder, name)
        print_progress(f"Removed {name}")


@command
def migrate_registry(args: Namespace, hook: DClusterHook) -> None:  # noqa: ARG001  # every command has them
    """Migrate the registry's schema to this version and print it."""
    # Opening the registry migrates it.
    print(hook.control.registry.describe())  # noqa: T201  # a command's output


@command
def check_registry(args: Namespace, hook: DClusterHook) -> None:  # noqa: ARG001  # every command has them
    """Check that the connection works; exit with 1 if it does not."""
    works, message = hook.test_connection()
    if not works:
        raise SystemExit(message)
    print(message)  # noqa: T201  # a command's output


@command
def check(args: Namespace, hook: DClusterHook) -> None:
    """Make one cluster check, and print its report."""
    report = hook.upkeep.check_clusters(dry_run=args.dry_run, unknown_after=args.unknown_after)
    print_report(report, args.output)


@command
def alert(args: Namespace, hook: DClusterHook) -> None:
    """Notify of long-running jobs, and print the report."""
    print_report(hook.upkeep.alert_long_running(dry_run=args.dry_run), args.output)


@command
def show_clients(args: Namespace, hook: DClusterHook) -> None:
    """Print whether a client's long-running jobs raise an alert, and after how many seconds."""
    setting = hook.jobs.monitoring(args.client)
    row = (setting.client, setting.monitored, setting.alert_after)
    print_table_or_json(("CLIENT", "MONITORED", "ALERT_AFTER"), [row], args.output)


@command
def monitor_clients(args: Namespace, hook: DClusterHook) -> None:
    """Enable or disable the alert about a client's long-running jobs, and print the new setting."""
    hook.jobs.set_monitoring(args.client, not args.off, args.alert_after)
    show_clients(args)
