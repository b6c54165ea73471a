"""The command ``airflow dcluster rbac``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from dcluster_provider.cli.session import command
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


@command
def rbac(args: Namespace, hook: DClusterHook) -> None:
    """Print, as YAML, the roles that an administrator has to grant; no cluster is contacted."""
    subjects = _subjects(args)
    namespaces, proxy, flink_account = args.namespace, True, args.flink_account
    if not namespaces or args.conn_id != hook.default_conn_name:
        settings = hook.settings.platform_settings
        if not isinstance(settings, KubernetesSettings):
            raise InvalidSpec(
                f"connection {args.conn_id!r} is not of the Kubernetes platform; give the namespaces with --namespace"
            )
        namespaces = namespaces or settings.namespaces
        proxy = settings.engine_access == "proxy"
        if settings.flink_ha:
            flink_account = flink_account or settings.service_account
    manifest = rbac_manifest(
        namespaces,
        subjects,
        proxy=proxy,
        driver_account=args.driver_account,
        flink_account=flink_account,
        nodes=args.nodes,
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
