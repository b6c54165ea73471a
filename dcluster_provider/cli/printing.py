"""Prints results as tables for people or as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice, zip_longest
from textwrap import indent
from typing import Any, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.core.record import Cluster, Job

Record = TypeVar("Record", Cluster, Job)
_PAGE = 500  # records printed at once, whose columns are aligned with each other


def print_clusters(clusters: Iterable[Cluster], output: str) -> None:
    """Print a line for each cluster, or a JSON list."""
    columns = ("ID", "NAME", "TYPE", "STATE", "WORKERS", "PAGE", "CREATED", "OWNER")
    _print_each(output, columns, clusters, _cluster_row)


def print_jobs(jobs: Iterable[Job], output: str) -> None:
    """Print a line for each job, or a JSON list."""
    columns = ("ID", "CLIENT", "MODULE", "TYPE", "STATE", "CLUSTER", "CREATED", "ENDED", "OWNER")
    _print_each(output, columns, jobs, _job_row)


def _cluster_row(it: Cluster) -> tuple[Any, ...]:
    workers = f"{it.workers_ready}/{it.spec.workers}"
    return (it.id, it.name, it.type, it.state.value, workers, it.ui_url, _time(it.created_at), _owner(it))


def _job_row(it: Job) -> tuple[Any, ...]:
    times = (_time(it.created_at), _time(it.ended_at))
    return (it.id, it.client, it.module, it.spec.job_type, it.state.value, it.cluster_id, *times, _owner(it))


def _owner(record: Cluster | Job) -> str:
    return f"{record.owner.dag_id}.{record.owner.task_id}" if record.owner else ""


def print_record(
    record: Cluster | Job, events: Sequence[Any], output: str, info: dict[str, Any] | None = None
) -> None:
    """Print all fields of one cluster or job, and its events.

    :param info: the record with its links, when these are known.
    """
    fields = info or record.as_json()
    happened = [
        {"at": event.at.isoformat(), "actor": event.actor, "action": event.action, "detail": event.detail}
        for event in events
    ]
    if output == "json":
        _print_json(fields | {"events": happened})
        return
    shown = {name: value for name, value in fields.items() if value not in (None, "", {}, [])}
    if record.diagnosis is not None:
        shown["diagnosis"] = record.diagnosis.render()
    rows = [row for name, value in shown.items() for row in _rows_of(name, value)]
    _print_table(("FIELD", "VALUE"), rows)
    _print_table(
        ("TIME", "WHO", "WHAT", "DETAIL"),
        [(event["at"][:19], event["actor"], event["action"], _text(event["detail"])) for event in happened],
    )


def print_report(report: MaintenanceReport, output: str) -> None:
    """Print the counts of a maintenance run and a line for each action, or a JSON object."""
    if output == "json":
        _print_json(report.as_json())
        return
    print(report.summary())  # noqa: T201  # a command's output
    if report.lines:
        rows = [(line.what, line.subject, line.why) for line in report.lines]
        _print_table(("WHAT", "SUBJECT", "WHY"), rows)


def print_table_or_json(columns: Sequence[str], rows: Sequence[Sequence[Any]], output: str) -> None:
    """Print a table, or a JSON list of objects with the columns as keys."""
    _print(output, columns, rows, [dict(zip((c.lower() for c in columns), row, strict=True)) for row in rows])


def _print(output: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], objects: list[Any]) -> None:
    if output == "json":
        _print_json(objects)
    else:
        _print_table(columns, rows)


def _print_each(
    output: str, columns: Sequence[str], records: Iterable[Record], row: Callable[[Record], Sequence[Any]]
) -> None:
    """Print many records, a page of them in memory at a time."""
    left = iter(records)
    page = list(islice(left, _PAGE))
    if output == "json":
        opening = "["
        while page:
            for record in page:
                item = json.dumps(record.as_json(), indent=2, default=str, ensure_ascii=False)
                sys.stdout.write(f"{opening}\n{indent(item, '  ')}")
                opening = ","
            page = list(islice(left, _PAGE))
        sys.stdout.write("[]\n" if opening == "[" else "\n]\n")
        return
    header: Sequence[str] | None = columns
    while page or header:
        _print_table(columns, [row(record) for record in page], has_header=header is not None)
        header, page = None, list(islice(left, _PAGE))


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, has_header: bool = True) -> None:
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        # A pipe has no width: lines are never cut or folded, and a long table needs no layout.
        _print_plain([list(columns), *cells] if has_header else cells)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_header=has_header)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _print_plain(rows: Sequence[Sequence[str]]) -> None:
    lines = [line for row in rows for line in zip_longest(*(cell.split("\n") for cell in row), fillvalue="")]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _rows_of(name: str, value: Any) -> list[tuple[str, str]]:
    """The fields of an object as rows; those of a nested object get rows of their own."""
    if isinstance(value, dict):
        return [
            (f"{name}.{key}", _text(item)) for key, item in value.items() if item not in (None, "", {}, [])
        ]
    return [(name, _text(value))]


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))  # noqa: T201  # a command's output


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
