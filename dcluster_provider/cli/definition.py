"""The commands and their arguments; their code is imported only when one is run."""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from dcluster_provider.core.engine_traits import ENGINES, TYPES


def _argument(*flags: str, **settings: Any) -> Arg:
    return Arg(flags, **settings)  # type: ignore[no-untyped-call]  # Airflow has no types there


_CONN_ID = _argument(
    "--conn-id", default="dcluster_default", help="dCluster connection; the default one need not exist"
)
_OUTPUT = _argument(
    "-o", "--output", choices=("table", "json"), default="table", help="how to print the result"
)
_CLUSTER = _argument("cluster", help="id or name of the cluster")
_WORKERS = _argument(
    "workers", type=int, help="number of workers, from the cluster's minWorkers to its maxWorkers"
)
_JOB = _argument("job_id", type=int, help="id of the job")
_STATE = _argument("--state", help="only in this state, in any letter case")
_TENANT = _argument("--tenant", help="only of this tenant")
_OF_CLIENT = _argument("--client", help="only of this client")
_MODULE = _argument("--module", help="only of this module")
_DAG = _argument("--dag-id", help="only requested by runs of this DAG")
_SINCE = _argument(
    "--since", help="only requested at this time or later; ISO 8601, in UTC unless it has an offset"
)
_UNTIL = _argument("--until", help="only requested before this time; as --since")
_LIMIT = _argument("--limit", type=int, default=100, help="maximum number, newest first")
_SPEC = _argument(
    "spec", nargs="?", default="-", help="file with the JSON; - (the default) is standard input"
)
_KEY = _argument("--key", help="request key: the same key returns the same cluster or job again")
_WAIT = _argument("--wait", action="store_true", help="wait until it runs (a cluster) or has ended (a job)")
_WAIT_RESIZED = _argument("--wait", action="store_true", help="wait until it has exactly that number")
_TIMEOUT = _argument("--timeout", type=float, help="maximum seconds to wait; no limit unless given")
_SAVEPOINT = _argument(
    "--savepoint", action="store_true", help="stop a Flink job with a savepoint, and wait for it"
)
_FOLLOW = _argument("-f", "--follow", action="store_true", help="continue until the job has ended")
_NO_IMAGES = _argument("--no-images", action="store_true", help="do not try each image with a pod")
_NAMESPACES = _argument(
    "-n",
    "--namespace",
    action="append",
    help="namespace of clusters, repeatable; else those of the connection",
)
_ACCOUNTS = _argument(
    "--service-account",
    action="append",
    metavar="NAMESPACE:NAME",
    help="service account that Airflow's workers and triggerers run as, repeatable",
)
_USERS = _argument("--user", action="append", help="user that the connection authenticates as, repeatable")
_GROUPS = _argument("--group", action="append", help="group that the connection authenticates as, repeatable")
_DRIVER_ACCOUNT = _argument(
    "--driver-account",
    default="dcluster-driver",
    help="service account to create for Spark drivers that create their own executors; '' creates none",
)
_FLINK_ACCOUNT = _argument(
    "--flink-account",
    default="",
    help="service account to make for JobManagers that go on after a restart; without it that of a connection with "
    "flink_ha",
)
_NODES = _argument(
    "--nodes",
    action="store_true",
    help="a role for launching, draining and releasing nodes, too; it applies to the whole cluster",
)
_QUEUEING = _argument(
    "--queueing",
    choices=("kueue", "volcano"),
    default="",
    help="rights for queues, too; when no namespace is given, queueing of the connection counts",
)
_DRY_RUN = _argument("--dry-run", action="store_true", help="change nothing; print what would be done")
_UNKNOWN_AFTER = _argument(
    "--unknown-after",
    type=float,
    default=600.0,
    help="seconds after which an orphaned cluster, which the registry does not know, is removed",
)
_CLIENT = _argument("client", help="name of the client")
_OFF = _argument("--off", action="store_true", help="disable the alert about the client's long-running jobs")
_ALERT_AFTER = _argument(
    "--alert-after", type=int, help="seconds after which a job is long-running; else those of the connection"
)
_ENGINE = _argument("engine", choices=tuple(ENGINES), help="spark or flink")
_CLUSTER_TYPE = _argument("type", choices=tuple(TYPES), help="type of the clusters that it is for")
_ENGINE_VERSION = _argument(
    "--engine-version", default="", help="a release such as 4.1, or one of its patches; else the connection's"
)

_LISTED = (_DAG, _SINCE, _UNTIL, _LIMIT, _CONN_ID, _OUTPUT)  # of clusters and of jobs
_REQUESTED = (_SPEC, _KEY, _WAIT, _TIMEOUT, _CONN_ID, _OUTPUT)


def _command(group: str, name: str, text: str, *args: Arg) -> ActionCommand:
    module = group if group in {"clusters", "jobs"} else "admin"
    path = f"dcluster_provider.cli.{module}.{name.replace('-', '_')}_{group}"
    return ActionCommand(name=name, help=text, func=lazy_load_command(path), args=args)


def _single(name: str, text: str, *args: Arg) -> ActionCommand:
    path = f"dcluster_provider.cli.admin.{name}"
    return ActionCommand(name=name, help=text, func=lazy_load_command(path), args=args)


def get_dcluster_cli_commands() -> list[CLICommand]:
    """The ``dcluster`` command group, for Airflow's command line."""
    clusters = (
        _command(
            "clusters",
            "list",
            "List clusters, newest first",
            _STATE,
            _TENANT,
            *_LISTED,
        ),
        _command("clusters", "show", "Show a cluster and its events", _CLUSTER, _CONN_ID, _OUTPUT),
        _command(
            "clusters",
            "launch",
            "Launch a cluster from ClusterEntity JSON",
            *_REQUESTED,
        ),
        _command(
            "clusters",
            "resize",
            "Give a running elastic cluster another number of workers",
            _CLUSTER,
            _WORKERS,
            _WAIT_RESIZED,
            _TIMEOUT,
            _CONN_ID,
            _OUTPUT,
        ),
        _command(
            "clusters", "terminate", "Terminate a cluster and the jobs on it", _CLUSTER, _CONN_ID, _OUTPUT
        ),
    )
    jobs = (
        _command(
            "jobs",
            "list",
            "List jobs, newest first",
            _STATE,
            _OF_CLIENT,
            _MODULE,
            *_LISTED,
        ),
        _command("jobs", "show", "Show a job and its events", _JOB, _CONN_ID, _OUTPUT),
        _command(
            "jobs",
            "submit",
            "Submit a job from JobsTableEntity JSON",
            *_REQUESTED,
        ),
        _command("jobs", "terminate", "Stop a job", _JOB, _SAVEPOINT, _TIMEOUT, _CONN_ID, _OUTPUT),
        _command("jobs", "logs", "Print a job's log", _JOB, _FOLLOW, _CONN_ID),
    )
    clients = (
        _command(
            "clients",
            "show",
            "Show whether a client's long-running jobs raise an alert",
            _CLIENT,
            _CONN_ID,
            _OUTPUT,
        ),
        _command(
            "clients",
            "monitor",
            "Enable or disable the alert about a client's long-running jobs",
            _CLIENT,
            _OFF,
            _ALERT_AFTER,
            _CONN_ID,
            _OUTPUT,
        ),
    )
    engines = (
        _command("engines", "list", "List the installed engines of the local platform", _CONN_ID, _OUTPUT),
        _command(
            "engines",
            "install",
            "Install an engine of the local platform",
            _CLUSTER_TYPE,
            _ENGINE_VERSION,
            _CONN_ID,
        ),
        _command("engines", "remove", "Remove an engine of the local platform", _ENGINE, _CONN_ID),
    )
    registry = (
        _command("registry", "migrate", "Migrate the registry's schema to this version", _CONN_ID),
        _command("registry", "check", "Check that the connection works, and show what it reaches", _CONN_ID),
    )
    return [
        GroupCommand(
            name="dcluster",
            help="Spark and Flink clusters",
            subcommands=(
                GroupCommand(name="clusters", help="Clusters", subcommands=clusters),
                GroupCommand(name="jobs", help="Jobs", subcommands=jobs),
                GroupCommand(name="clients", help="How clients' jobs are monitored", subcommands=clients),
                GroupCommand(name="engines", help="Engines of the local platform", subcommands=engines),
                GroupCommand(name="registry", help="The registry of clusters and jobs", subcommands=registry),
                _single(
                    "check",
                    "Terminate orphaned clusters, stop orphaned jobs, complete what was interrupted",
                    _DRY_RUN,
                    _UNKNOWN_AFTER,
                    _CONN_ID,
                    _OUTPUT,
                ),
                _single("alert", "Notify of long-running jobs", _DRY_RUN, _CONN_ID, _OUTPUT),
                _single(
                    "doctor", "Check what is missing before clusters can run", _NO_IMAGES, _CONN_ID, _OUTPUT
                ),
                _single(
                    "rbac",
                    "Print the roles to grant on Kubernetes, for kubectl apply",
                    _NAMESPACES,
                    _ACCOUNTS,
                    _USERS,
                    _GROUPS,
                    _DRIVER_ACCOUNT,
                    _FLINK_ACCOUNT,
                    _NODES,
                    _QUEUEING,
                    _CONN_ID,
                ),
            ),
        )
    ]
