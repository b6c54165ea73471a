"""The command ``airflow dcluster check``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_report
from dcluster_provider.cli.session import command
from dcluster_provider.hooks.dcluster import DClusterHook


@command
def check(args: Namespace, hook: DClusterHook) -> None:
    """Make one cluster check, and print its report."""
    report = hook.upkeep.check_clusters(dry_run=args.dry_run, unknown_after=args.unknown_after)
    print_report(report, args.output)
