"""The commands ``airflow dcluster clients ...``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_table_or_json
from dcluster_provider.cli.session import command
from dcluster_provider.hooks.dcluster import DClusterHook


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
