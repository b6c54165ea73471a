"""The commands ``airflow dcluster clusters ...``."""

from __future__ import annotations

from argparse import Namespace

from dcluster_provider.cli.printing import print_clusters, print_record
from dcluster_provider.cli.session import (
    asked_for,
    cluster_reference,
    command,
    own_hook,
    paged,
    person,
    print_progress,
    read_spec,
)
from dcluster_provider.core.record import Cluster, ClusterState, parse_states
from dcluster_provider.hooks.dcluster import DClusterHook


@command
def list_clusters(args: Namespace, hook: DClusterHook) -> None:
    """List clusters, newest first."""
    clusters = paged(
        hook.control.registry.clusters.list,
        args.limit,
        states=parse_states(ClusterState, args.state),
        tenant=args.tenant,
        **asked_for(args),
    )
    print_clusters(clusters, args.output)


@command
def show_clusters(args: Namespace, hook: DClusterHook) -> None:
    """Poll a cluster, and print it with its events."""
    cluster = hook.clusters.get(cluster_reference(args.cluster))
    hook = own_hook(hook, cluster)
    cluster = hook.clusters.observe([cluster.id])[cluster.id]
    events = hook.control.registry.events.list(cluster_id=cluster.id)
    print_record(
        cluster, events, args.output, hook.clusters.info(cluster.id) | {"location": cluster.location}
    )


@command
def launch_clusters(args: Namespace, hook: DClusterHook) -> None:
    """Launch a cluster and print its id (as JSON, the whole cluster)."""
    cluster = hook.clusters.launch(read_spec(args.spec), args.key, actor=person(), report=print_progress)
    if args.wait:
        cluster = hook.clusters.wait(cluster.id, timeout=args.timeout, on_change=_print_state)
    if args.output == "json":
        print_record(cluster, (), args.output)
    else:
        print(cluster.id)  # noqa: T201  # a command's output


@command
def resize_clusters(args: Namespace, hook: DClusterHook) -> None:
    """Resize a cluster and print its state."""
    cluster = hook.clusters.get(cluster_reference(args.cluster))
    clusters = own_hook(hook, cluster).clusters
    resized = clusters.resize(cluster.id, args.workers, actor=person())
    if args.wait:
        resized = clusters.wait(cluster.id, timeout=args.timeout, on_change=_print_state)
    print_clusters([resized], args.output)


@command
def terminate_clusters(args: Namespace, hook: DClusterHook) -> None:
    """Terminate a cluster and print its state."""
    cluster = hook.clusters.get(cluster_reference(args.cluster))
    ended = own_hook(hook, cluster).clusters.terminate(cluster.id, actor=person())
    print_clusters([ended], args.output)


def _print_state(cluster: Cluster) -> None:
    print_progress(f"{cluster}: {cluster.state.value}")
