"""What the task's log says of a change of state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.triggers.task_log import describe_change


def test_a_failure_is_told_with_its_cause_and_the_rest_by_the_error():
    before = replace(make_job(make_cluster()), state=JobState.RUNNING)
    told = Diagnosis(LogCode.DISK_FULL, "A disk is full.", "Free space.", ("No space left on device",))
    at = before.state_since + timedelta(seconds=3)
    line = describe_change(before, replace(before, state=JobState.FAILED, state_since=at, diagnosis=told))
    assert line.endswith("RUNNING -> FAILED after 3.0 s: A disk is full. [DiskFull]")
    assert "\n" not in line
