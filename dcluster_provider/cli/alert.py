"""The command ``airflow dcluster alert``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_report
from dcluster_provider.cli.session import command
from dcluster_provider.hooks.dcluster import DClusterHook


@command
def alert(args: Namespace, hook: DClusterHook) -> None:
    """Notify of long-running jobs, and print the report."""
    print_report(hook.upkeep.alert_long_running(dry_run=args.dry_run), args.output)
