"""Alerts about jobs, and their text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dcluster_provider.core.record import Cluster, Job

LONG_RUNNING, FAILED = "long_running", "failed"  # the kinds of alerts
MAIL = "mail"  # the channel that leads to a job's emailRecipients


@dataclass(frozen=True)
class Alert:
    """An alert about a job.

    :param kind: ``long_running`` or ``failed``.
    :param cluster: the cluster that the job runs on; None when the registry no longer has it.
    :param at: when the alert was raised.
    :param threshold: the limit that the job has exceeded; None for a failure.
    :param links: addresses by their names.
    """

    kind: str
    job: Job
    cluster: Cluster | None
    at: datetime
    threshold: timedelta | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration(self) -> timedelta | None:
        """How long the job has run, in whole seconds; None when it did not start."""
        if self.job.started_at is None:
            return None
        return timedelta(seconds=int(((self.job.ended_at or self.at) - self.job.started_at).total_seconds()))

    @property
    def what(self) -> str:
        """What happened to the job, in a few words."""
        if self.threshold is not None:
            return f"it has been running for {self.duration}, longer than {self.threshold}"
        return f"it has ended as {self.job.state.value}"

    @property
    def subject(self) -> str:
        """The subject of an email, without line breaks."""
        what = f"running for {self.duration}" if self.threshold is not None else self.job.state.value
        return " ".join(f"[dCluster] {self.job}: {what}".split())

    @property
    def text(self) -> str:
        """The message in lines, as in an email."""
        job = self.job
        rows = {
            "Job": f"{job.id}, {job.spec.job_type}, {job.state.value}",
            "Client": job.client,
            "Module": job.module,
            "Cluster": f"{self.cluster.id} ({self.cluster.name})" if self.cluster else str(job.cluster_id),
            "Owner": str(job.owner) if job.owner else "none: it was not submitted by a task",
            "Started": f"{job.started_at:%Y-%m-%d %H:%M:%S} UTC" if job.started_at else "never",
            "Duration": str(self.duration) if self.duration is not None else "",
            "Threshold": str(self.threshold) if self.threshold is not None else "",
            **self.links,
        }
        lines = [f"{job}: {self.what}.", "", *(f"{name}: {value}" for name, value in rows.items() if value)]
        if job.diagnosis is not None:
            lines += ["", job.diagnosis.render()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The alert as a JSON object, for templates and other programs."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            "job": self.job.as_json(),
            "clusterName": self.cluster.name if self.cluster else None,
            "durationSeconds": self.duration.total_seconds() if self.duration is not None else None,
            "thresholdSeconds": self.threshold.total_seconds() if self.threshold is not None else None,
            "links": dict(self.links),
        }
