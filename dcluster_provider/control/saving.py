"""Saving a decision about a record although others may save theirs at the same time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeVar

from dcluster_provider.core.errors import StaleRecord
from dcluster_provider.core.record import Cluster, Job

Record = TypeVar("Record", Cluster, Job)

# A stale save means that another process moved the record on; it has finitely many states to move through.
_ATTEMPTS = 100


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(timezone.utc)


def save_change(
    before: Record,
    change: Callable[[Record, datetime], Record],
    read: Callable[[int], Record],
    save: Callable[[Record], Record],
) -> Record:
    """Decide about a record and save that; if another process saved it meanwhile, read it and decide anew.

    :param change: from the record and the present moment to the record as it has to be; the same object when
        nothing has to be saved.
    :raises StaleRecord: others were first every time.
    """
    for _ in range(_ATTEMPTS):
        after = change(before, utc_now())
        if after is before:
            return before
        try:
            return save(after)
        except StaleRecord:
            before = read(before.id)
    raise StaleRecord(f"{before} was saved by others {_ATTEMPTS} times in a row; try again")
