"""What Flink says of its jobs, in this package's words."""

from __future__ import annotations

import pytest

from dcluster_provider.core.observation import JobPhase
from dcluster_provider.engines.flink.rest import job_phase


@pytest.mark.parametrize(
    ("state", "running", "phase"),
    [
        ("CREATED", 0, JobPhase.PENDING),
        ("RUNNING", 1, JobPhase.PENDING),
        ("RUNNING", 2, JobPhase.RUNNING),
        ("RESTARTING", 0, JobPhase.RUNNING),
        ("SUSPENDED", 0, JobPhase.RUNNING),
        ("FINISHED", 0, JobPhase.SUCCEEDED),
        ("FAILED", 0, JobPhase.FAILED),
        ("CANCELED", 0, JobPhase.KILLED),
    ],
)
def test_a_job_is_at_work_from_its_last_task_on_until_its_end_is_certain(state, running, phase):
    tasks = {"total": 2, "running": running, "finished": 0}
    assert job_phase({"state": state, "tasks": tasks}) is phase
