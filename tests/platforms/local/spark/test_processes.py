"""What is concluded of a driver from its master's answer and its log."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from local_platform import make_cluster, make_job, until

from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.engines.spark.conf import application_name
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.job_process import conclude
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import make_plan
from dcluster_provider.platforms.local.processes.process import Command
from dcluster_provider.platforms.local.spark.launch import MASTER_PORT, UI_PORT
from dcluster_provider.platforms.local.spark.processes import SparkView

CLUSTER = make_cluster()
JOB = make_job(CLUSTER)
APP = {
    "id": "app-20261129203752-0000",
    "name": application_name(JOB),
    "cores": 1,
    "state": "FINISHED",
    "memoryperexecutor": 512,
    "starttime": 1_000_000,
    "duration": 500_000,
}


@pytest.fixture
def view(tmp_path):
    """A look at a driver that runs and has stopped its application."""
    place = ClusterPlace(tmp_path, CLUSTER.name)
    engine = LocalEngine("spark", "3.5.9", Path("python"), tmp_path, Path("java"), 17)
    plan = make_plan(place, CLUSTER, engine, {MASTER_PORT: 1, UI_PORT: 2})
    own = place.job(JOB)
    own.process.start(Command(("sleep", "600"), dict(os.environ), place.home, own.log))
    own.facts.write_text(f"Connected to Spark cluster with app ID {APP['id']}\n")
    own.log.write_text("INFO SparkContext: Successfully stopped SparkContext\nheartbeat\n")
    yield SparkView(place, plan, CLUSTER, {"activeapps": [], "completedapps": [APP]})
    conclude(own, JobObservation(JobPhase.KILLED))
    until(own.process.state, lambda state: state.is_over)


def test_a_driver_that_outlives_its_application_tells_since_when_and_ends_with_the_outcome_that_is_decided(
    view,
):
    seen = view.job(JOB)
    assert (seen.phase, seen.application_end.at.timestamp()) == (JobPhase.RUNNING, 1500)
    assert (seen.application_end.is_finished, seen.application_end.words) == (True, ("heartbeat",))
    at_work = replace(view, answer={"activeapps": [APP | {"id": "app-2"}], "completedapps": [APP]})
    assert at_work.job(JOB).application_end is None
    decided = replace(seen, phase=JobPhase.SUCCEEDED, application_end=None)
    conclude(view.place.job(JOB), decided)
    assert view.job(JOB) == decided
    assert view.place.job(JOB).process.state().is_over
