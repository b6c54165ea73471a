"""What jobs tell of themselves while their clusters are resized."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.record import Job
from dcluster_provider.engines.rest import EngineRest


def executors(name: Path) -> int:
    """How many a job of ``executors.py`` has, as it says itself."""
    file = name.with_suffix(".executors")
    return int(file.read_text()) if file.exists() else 0


def counted(file: Path) -> list[tuple[int, int]]:
    """The number and the count of each whole line."""
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]


def has_checkpoint(folder: Path) -> bool:
    """Whether a checkpoint below a folder is complete."""
    return next(folder.rglob("_metadata"), None) is not None


def has_kept_its_state(lines: list[tuple[int, int]]) -> bool:
    """Whether a job went on counting from checkpoints: it begins with one once, and passes over no count.

    Which numbers it reads after a checkpoint depends on how many readers share them, so they tell nothing.
    """
    counts = [count for _, count in lines]
    highest = 0
    for count in counts:
        if count > highest + 1:
            return False
        highest = max(highest, count)
    return counts.count(1) == 1


def parallelism(rest: EngineRest, job: Job) -> int:
    """Of the source of the job's Flink job; 0 while it does not run."""
    found = rest.request("GET", f"/jobs/{flink_job_id(job.platform_key, job.generation)}")
    return int(found["vertices"][0]["parallelism"]) if found["state"] == "RUNNING" else 0
