"""The commands ``airflow dcluster registry ...``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.session import command
from dcluster_provider.hooks.dcluster import DClusterHook


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
