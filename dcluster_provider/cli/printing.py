"""Results as tables for people or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from dcluster_provider.control.upkeep.report import Report
from dcluster_provider.core.record import Cluster, Job


def print_clusters(clusters: Iterable[Cluster], output: str) -> None:
    """A line for each cluster, or a JSON list."""
    found = list(clusters)
    rows = [
        (
            c.id,
            c.name,
            c.type,
            c.state.value,
            f"{c.workers_ready}/{c.spec.workers}",
            c.ui_url,
            _time(c.created_at),
        )
        for c in found
    ]
    columns = ("ID", "NAME", "TYPE", "STATE", "WORKERS", "PAGE", "CREATED")
    _print(output, columns, rows, [cluster.as_json() for cluster in found])


def print_jobs(jobs: Iterable[Job], output: str) -> None:
    """A line for each job, or a JSON list."""
    found = list(jobs)
    rows = [
        (
            j.id,
            j.client,
            j.module,
            j.spec.job_type,
            j.state.value,
            j.cluster_id,
            _time(j.created_at),
            _time(j.ended_at),
        )
        for j in found
    ]
    columns = ("ID", "CLIENT", "MODULE", "TYPE", "STATE", "CLUSTER", "CREATED", "ENDED")
    _print(output, columns, rows, [job.as_json() for job in found])


def print_record(
    record: Cluster | Job, events: Sequence[Any], output: str, info: dict[str, Any] | None = None
) -> None:
    """Everything known of one cluster or job, with what happened to it.

    :param info: the record with its links, when they are known.
    """
    fields = info or record.as_json()
    happened = [
        {"at": event.at.isoformat(), "actor": event.actor, "action": event.action, "detail": event.detail}
        for event in events
    ]
    if output == "json":
        _print_json(fields | {"events": happened})
        return
    rows = [(name, _text(value)) for name, value in fields.items() if value not in (None, "", {}, [])]
    _print_table(("FIELD", "VALUE"), rows)
    _print_table(
        ("TIME", "WHO", "WHAT", "DETAIL"),
        [(event["at"][:19], event["actor"], event["action"], _text(event["detail"])) for event in happened],
    )


def print_report(report: Report, output: str) -> None:
    """The counts of a pass and a line for each thing done or left, or a JSON object."""
    if output == "json":
        _print_json(report.as_json())
        return
    print(report.summary())  # noqa: T201  # a command's output
    if report.lines:
        rows = [(line.what, line.subject, line.why) for line in report.lines]
        _print_table(("WHAT", "SUBJECT", "WHY"), rows)


def print_table_or_json(columns: Sequence[str], rows: Sequence[Sequence[Any]], output: str) -> None:
    """A table, or a JSON list of objects named after the columns."""
    _print(output, columns, rows, [dict(zip((c.lower() for c in columns), row, strict=True)) for row in rows])


def _print(output: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], objects: list[Any]) -> None:
    if output == "json":
        _print_json(objects)
    else:
        _print_table(columns, rows)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        # A pipe has no width: a line is never cut or folded.
        console = Console(markup=False, highlight=False, width=10_000, no_color=True)
    console.print(table)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))  # noqa: T201  # a command's output


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
