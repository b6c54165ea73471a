"""The commands of maintenance: ``airflow dcluster check``, ``alert``, and ``clients``, whose jobs alerts are about."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_report, print_table_or_json
from dcluster_provider.cli.session import command
from dcluster_provider.hooks.dcluster import DClusterHook


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
