"""What the demonstration shows: lines with times, a spinner on a terminal, tables."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_COLOURS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "deferred": "cyan",
    "running": "cyan",
}


class Screen:
    """The terminal or the file that a person reads."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(text)

    @contextmanager
    def step(self, title: str) -> Iterator[Any]:
        """A step that takes a while: its title now, a spinner where there is a terminal, its time at the end.

        Yields a function to call with news of its progress.
        """
        begun = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(title) as status:
                yield lambda news: status.update(f"{title}: [dim]{news}[/]")
        else:
            self.say(f"{title} ...")
            yield lambda news: self.say(f"  {news}")
        self.say(f"[green]done[/]  {title}  [dim]{time.monotonic() - begun:.1f} s[/]")

    def waiting(self, title: str) -> AbstractContextManager[Any]:
        """A spinner below the lines that come meanwhile, where there is a terminal."""
        return self.console.status(title) if self.console.is_terminal else nullcontext()

    def task(self, name: str, state: str, seconds: float) -> None:
        """A task of the run has come to a state."""
        colour = _COLOURS.get(state, "default")
        self.say(f"  {seconds:6.1f} s  {name:<10} [{colour}]{state}[/]")

    def results(self, folder: Path, airlines: dict[str, str]) -> None:
        """The heads of the two tables that the job has written."""
        carriers = json.loads((folder / "by_carrier.json").read_text())
        routes = json.loads((folder / "by_route.json").read_text())
        self._table(
            "Carriers by mean arrival delay",
            "Carrier",
            [(airlines.get(row["carrier"], row["carrier"]), row) for row in carriers[:5]],
        )
        self._table(
            "Routes by mean arrival delay",
            "Route",
            [(f"{row['origin']} to {row['dest']}", row) for row in routes[:5]],
        )
        flights = sum(row["flights"] for row in carriers)
        self.say(
            f"{flights:,} flights arrived; {len(carriers)} carriers and {len(routes)} routes in {folder}"
        )

    def _table(self, title: str, what: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
        table = Table(title=title, title_justify="left")
        table.add_column(what)
        table.add_column("Flights", justify="right")
        table.add_column("Minutes late", justify="right")
        for name, row in rows:
            table.add_row(name, f"{row['flights']:,}", f"{row['mean_arr_delay']:.1f}")
        self.console.print(table)
