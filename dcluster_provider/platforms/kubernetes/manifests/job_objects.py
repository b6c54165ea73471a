"""The Kubernetes Job that a driver or client runs as, and the Secret of what it reads."""

from __future__ import annotations

import base64
from typing import Any

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, job_labels, job_name, metadata

_KEPT_SECONDS = 7 * 86400  # that a job which has ended can still be looked at on a cluster that lives on


def client_job(job: Job, cluster: Cluster, place: Place, template: dict[str, Any]) -> Manifest:
    """The Kubernetes Job of a driver or client: it runs once, whatever becomes of it."""
    template["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(job_name(job), place, job_labels(job, cluster)),
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "suspend": False,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": template,
        },
    }


def part_names(job: Job, parts: int) -> list[str]:
    """The names of the Secrets that an application travels in which is too large for one."""
    return [f"{job_name(job)}-{number:03}" for number in range(parts)]


def job_secret(job: Job, cluster: Cluster, place: Place, files: dict[str, bytes], name: str = "") -> Manifest:
    """A Secret of what a driver or client reads.

    :param name: its name; the job's own unless it is one of its parts.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name or job_name(job), place, job_labels(job, cluster)),
        "type": "Opaque",
        "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
    }
