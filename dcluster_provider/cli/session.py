"""What the commands share: the hook, the user, input, and errors as one message instead of a traceback."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from dcluster_provider.core.errors import DClusterError, InvalidSpec, NotFound
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.hooks.dcluster import DClusterHook

Record = TypeVar("Record", Cluster, Job)
_PAGE = 1000


def command(function: Callable[[Namespace, DClusterHook], None]) -> Callable[[Namespace], None]:
    """Make a command of a function with arguments and hook: it prints errors and exits with 1."""

    @wraps(function)
    def run(args: Namespace) -> None:
        # The command line reads connections from Airflow's own database, as Airflow's commands do.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        _logs_beside_results()
        try:
            function(args, DClusterHook(args.conn_id))
        except DClusterError as error:
            raise SystemExit(f"{type(error).__name__}: {error}") from None
        except BrokenPipeError:
            sys.stderr.close()  # the reader of the output has closed the pipe

    return run


def own_hook(hook: DClusterHook, record: Cluster | Job) -> DClusterHook:
    """The hook of the connection that a cluster or job was made through, which alone can reach it.

    The given hook when that connection no longer exists, or has another registry by now.
    """
    if record.conn_id == hook.dcluster_conn_id:
        return hook
    own = DClusterHook(record.conn_id)
    try:
        is_of_its_registry = own.settings.registry_url == hook.settings.registry_url
    except NotFound:
        print_progress(f"{record} was made through connection {record.conn_id!r}, which no longer exists")
        return hook
    return own if is_of_its_registry else hook


def person() -> str:
    """The user of the command, for events."""
    return f"{getpass.getuser()} (airflow dcluster)"


def read_spec(source: str) -> str:
    """The JSON text of a specification.

    :param source: a file's path, or ``-`` for standard input.
    :raises InvalidSpec: the file cannot be read, or the text is empty.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidSpec(
            f"{source}: {error.strerror}; give a file with the JSON, or - and the JSON on standard input"
        ) from None
    if not text.strip():
        raise InvalidSpec("no JSON was given; pipe it in, or name the file that holds it")
    return text


def cluster_reference(text: str) -> int | str:
    """The id of a cluster when the text is a number, otherwise its name."""
    return int(text) if text.isascii() and text.isdigit() else text


def asked_for(args: Namespace) -> dict[str, Any]:
    """The filters of a list by DAG and time, as the registry takes them.

    :raises InvalidSpec: a time cannot be parsed.
    """
    return {
        "owner_dag": args.dag_id,
        "since": _moment("--since", args.since),
        "until": _moment("--until", args.until),
    }


def _moment(name: str, text: str | None) -> datetime | None:
    """The time in an argument; None without one.

    :raises InvalidSpec: the time cannot be parsed.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise InvalidSpec(
            f"{name}: {text!r} is not a time; write one such as 2026-01-31 or 2026-01-31T08:30"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def paged(list_page: Callable[..., Sequence[Record]], limit: int, **filters: Any) -> Iterator[Record]:
    """Rows of the registry, newest first, with one page in memory at a time.

    :param limit: maximum number of rows.
    """
    last = 0
    while limit > 0 and (found := list_page(**filters, after_id=last, limit=min(limit, _PAGE))):
        yield from found
        limit, last = limit - len(found), found[-1].id


def _logs_beside_results() -> None:
    """Send logs to standard error: standard output is for results, which programs read."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.__stdout__):
            handler.setStream(sys.stderr)


def print_progress(message: str) -> None:
    """Print a line of progress to standard error, apart from the result."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201  # a command's output
