"""Failures that are provoked, what was said of each, and the table of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hanging import HANG_SECONDS

from dcluster_provider.control.connect import Control
from dcluster_provider.core.diagnosis import DiagnosisCode
from dcluster_provider.core.errors import ClusterFailed, Diagnosed, JobFailed
from dcluster_provider.core.record import Cluster, Job

if TYPE_CHECKING:
    from result_tables import Tables


@dataclass(frozen=True)
class Failure:
    """What was said of a failure.

    :param seconds: from the request until the failure was known.
    """

    error: Diagnosed
    seconds: float

    @property
    def text(self) -> str:
        """All that a person is told."""
        return str(self.error)

    @property
    def code(self) -> DiagnosisCode:
        return self.error.diagnosis.code


@dataclass
class Table:
    """What was provoked, when it was named and how."""

    title: str
    tables: Tables

    def check(self, what: str, failure: Failure, codes: str, parts: tuple[str, ...]) -> None:
        """Hold a failure to its code (one of several, separated by ``|``) and to what its text has to tell."""
        diagnosis = failure.error.diagnosis
        self.tables.add(
            self.title,
            f"{what}\n  {failure.seconds:5.1f} s  [{diagnosis.code}] {diagnosis.cause}",
            f"           What to do: {diagnosis.remedy}",
        )
        assert failure.code in codes.split("|"), failure.text
        assert not [part for part in parts if part not in failure.text], failure.text
        assert diagnosis.evidence, failure.text
        assert diagnosis.remedy.endswith("."), failure.text


def failed_cluster(control: Control, spec: dict[str, Any]) -> Failure:
    """What is said of a cluster that cannot become ready."""
    clock = _Clock()
    try:
        cluster = control.clusters.launch(spec)
        control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.5, on_change=clock.look)
    except ClusterFailed as error:
        return Failure(error, clock.seconds)
    raise AssertionError(f"{cluster} runs")


def failed_job(control: Control, submit: Callable[[], Job]) -> Failure:
    """What is said of a job that cannot succeed."""
    clock = _Clock()
    try:
        job = submit()
        control.jobs.wait(job.id, timeout=HANG_SECONDS, poll_interval=0.5, on_poll=clock.look)
    except JobFailed as error:
        return Failure(error, clock.seconds)
    raise AssertionError(f"{job} succeeded")


class _Clock:
    """Seconds until a record has its diagnosis."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._named: float | None = None

    def look(self, record: Cluster | Job) -> None:
        if record.diagnosis is not None and self._named is None:
            self._named = time.monotonic() - self._began

    @property
    def seconds(self) -> float:
        return self._named if self._named is not None else time.monotonic() - self._began
