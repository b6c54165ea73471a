"""Where savepoints go, where jobs start from, and what came of a stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.diagnosis import Diagnosis, SavepointCode
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import savepoint_trigger
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.engines.flink.conf import job_settings, run_request
from dcluster_provider.engines.flink.savepoints import Stop, savepoint_folder, with_default_folder

CLUSTER = make_cluster(type="flink")
NEW, OLD = "execution.checkpointing.savepoint-dir", "state.savepoints.dir"
WHY = Diagnosis(SavepointCode.FAILED, "It cannot be written.", "Choose another.")


@pytest.mark.parametrize(
    ("of_job", "of_cluster", "folder"),
    [
        ({}, {}, ""),
        ({}, {NEW: "s3://b/new"}, "s3://b/new"),
        ({}, {OLD: "s3://b/old"}, "s3://b/old"),
        ({OLD: "/of/job"}, {NEW: "s3://b/new"}, "/of/job"),
        ({NEW: "file:///of/job", OLD: "/old"}, {}, "file:///of/job"),
        ({NEW: ""}, {NEW: "hdfs:///x"}, "hdfs:///x"),
    ],
)
def test_the_folder_is_the_jobs_own_or_its_clusters(of_job, of_cluster, folder):
    job = make_job(CLUSTER, application="etl.jar", extra_cmd=of_job)
    assert savepoint_folder(job, of_cluster) == folder


def test_a_folder_that_depends_on_who_looks_is_refused():
    job = make_job(CLUSTER, application="etl.jar", extra_cmd={NEW: "savepoints"})
    with pytest.raises(InvalidSpec, match=rf"{NEW} is 'savepoints'; write an absolute path"):
        savepoint_folder(job, {})


def test_a_default_folder_does_not_hide_the_users_by_its_old_name():
    assert with_default_folder({"a": "b"}, "/default") == {NEW: "/default", "a": "b"}
    for name in (NEW, OLD):
        assert with_default_folder({name: "s3://own"}, "/default") == {name: "s3://own"}


def test_a_job_starts_from_the_savepoint_it_names():
    path = "s3://bucket/savepoint-1"
    named = make_job(CLUSTER, application="etl.jar", savepoint=path)
    assert job_settings(CLUSTER, named)["execution.state-recovery.path"] == path
    for job in (
        named,
        make_job(CLUSTER, application="etl.jar", extra_cmd={"execution.state-recovery.path": path}),
    ):
        request = run_request(CLUSTER, job, "0" * 32)
        assert request["savepointPath"] == path
        assert "execution.state-recovery.path" not in request["flinkConfiguration"]
    assert "savepointPath" not in run_request(CLUSTER, replace(named, spec=make_job(CLUSTER).spec), "0" * 32)


def test_a_savepoint_has_ended_the_job_whatever_its_client_does():
    seen = JobObservation(JobPhase.RUNNING, "http://page", diagnosis=WHY)
    made = Stop("file:/s/savepoint-1").seen_with(seen)
    assert made == JobObservation(JobPhase.SUCCEEDED, "http://page", savepoint="file:/s/savepoint-1")
    assert Stop().seen_with(seen) == seen
    assert Stop(failure=WHY).seen_with(seen) == replace(seen, savepoint_failure=WHY)


def test_each_wish_has_a_trigger_of_its_own():
    job = make_job(CLUSTER)
    first = savepoint_trigger(job.key, 1, job.created_at)
    assert len(first) == 32
    assert int(first, 16)
    assert first == savepoint_trigger(job.key, 1, job.created_at)
    later = job.created_at.replace(microsecond=1)
    assert (
        len({first, savepoint_trigger(job.key, 2, job.created_at), savepoint_trigger(job.key, 1, later)}) == 3
    )
