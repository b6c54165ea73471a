"""Jobs with clusters of their own on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanging import HANG_SECONDS
from local_platform import APPLICATIONS

from dcluster_provider.control.connect import Control
from dcluster_provider.core.record import ClusterState, JobState


def run_alone(control: Control, application: str | Path, cluster_type: str, **fields: Any) -> str:
    """Run a job on a cluster of its own to its end; its log."""
    is_address = "://" in str(application)
    path = Path(application) if is_address else APPLICATIONS / application  # unless it is absolute
    spec = {
        "client": "team",
        "module": path.stem,
        "jobType": cluster_type,
        "application": str(application if is_address else path),
        **fields,
    }
    job = control.jobs.submit(spec, report=print)
    ended = control.jobs.wait(job.id, timeout=HANG_SECONDS)
    control.clusters.wait(job.cluster_id, (ClusterState.TERMINATED,), timeout=HANG_SECONDS)
    assert ended.state is JobState.SUCCEEDED
    return control.jobs.logs(job.id)
