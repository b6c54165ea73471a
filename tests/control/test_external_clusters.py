"""Clusters that somebody else runs: found by name, used, and neither watched nor ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.external_clusters import ExternalCluster, choose_external
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.lifetime import Limits, reason_to_end
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import ClusterState, JobState

SPARK = ExternalCluster("reports", "spark3", "http://host:8080", "spark://host:7077")
FLINK = ExternalCluster("streams", "flink", "http://host:8081")
JOB = {"client": "team", "module": "etl", "application": "a.py", "useExternalCluster": True}


@pytest.fixture
def jobs(control, platform, settings):
    platform.name = "local"
    settings = settings.model_copy(update={"external_clusters": (SPARK, FLINK)})
    clusters = Clusters(control.registry, platform, settings)
    return Jobs(control.registry, platform, settings, clusters)


def test_jobs_run_on_it_and_it_is_neither_watched_nor_ended(control, platform, jobs):
    first = jobs.submit(JOB | {"clusterName": "reports"})
    second = jobs.submit(JOB | {"module": "other"})  # the only one for Spark
    cluster = control.clusters.get(first.cluster_id)
    assert second.cluster_id == cluster.id
    assert (cluster.state, cluster.platform) == (ClusterState.RUNNING, "external")
    assert (cluster.master_url, cluster.ui_url) == ("spark://host:7077", "http://host:8080")
    assert (platform.started, platform.applied, platform.list_clusters()) == (["etl", "other"], [], [])
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING
    for job in (first, second):
        platform.set_job(job, JobPhase.SUCCEEDED)
        assert jobs.observe([job.id])[job.id].state is JobState.SUCCEEDED
    assert control.clusters.end_unused(cluster.id) is False
    with pytest.raises(InvalidSpec, match="is external"):
        control.clusters.terminate(cluster.id, force=True)
    limits = Limits(timedelta(0), timedelta(0))
    assert reason_to_end(cluster, limits, True, cluster.created_at + timedelta(days=9)) is None
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING


def test_a_changed_address_is_what_the_next_job_gets(control, platform, settings, jobs):
    first = jobs.submit(JOB)
    moved = settings.model_copy(update={"external_clusters": (replace(SPARK, master="spark://new:7077"),)})
    clusters = Clusters(control.registry, platform, moved)
    second = Jobs(control.registry, platform, moved, clusters).submit(JOB | {"module": "other"})
    assert second.cluster_id == first.cluster_id
    assert control.clusters.get(first.cluster_id).master_url == "spark://new:7077"


@pytest.mark.parametrize(
    ("known", "spec", "message"),
    [
        ((SPARK,), {"clusterName": "report"}, "no external cluster 'report'; did you mean 'reports'"),
        ((SPARK,), {"clusterName": "reports", "jobType": "flink"}, "field jobType: 'flink' does not run on"),
        ((FLINK,), {}, r"not exactly one external cluster for spark \(none\)"),
        ((SPARK, replace(SPARK, name="b")), {}, r"\(reports, b\)"),
        ((), {"clusterName": "x"}, "it has none"),
    ],
)
def test_what_names_no_external_cluster_is_refused(known, spec, message):
    with pytest.raises(InvalidSpec, match=message):
        choose_external(known, JobSpec(client="c", module="m", **spec), "mine")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("a", "spark3", "http://host:8080"), "master: '' is not an address of the form spark://host:port"),
        (("a", "flink", "https://host:8081"), "rest: 'https://host:8081' is not"),
        (("a", "flink", "http://host"), "rest: 'http://host' is not"),
        (("a", "flink", "http://host:8081", "spark://host:7077"), "leave it out"),
        (("a", "storm", "http://host:8081"), "field type"),
    ],
)
def test_an_address_that_cannot_be_is_refused(fields, message):
    with pytest.raises(InvalidSpec, match=message):
        ExternalCluster(*fields)


def test_it_is_called_by_its_name(jobs):
    with pytest.raises(InvalidSpec, match="field clusterId"):
        jobs.submit(JOB | {"clusterId": 1})
    assert jobs.list() == []


def test_what_was_made_for_a_job_goes_with_its_end_and_no_sooner(control, platform, jobs):
    first, second = jobs.submit(JOB), jobs.submit(JOB | {"module": "other"})
    assert platform.remains == {first.id, second.id}
    platform.set_job(first, JobPhase.FAILED)
    assert jobs.observe([first.id])[first.id].state is JobState.FAILED
    assert platform.remains == {second.id}
    control.upkeep.check_clusters()
    assert platform.remains == {second.id}, "its job is live"


def test_what_a_process_that_was_killed_has_left_is_removed_by_whoever_looks_or_checks_next(
    control, platform, jobs
):
    for look in (lambda job: jobs.observe([job.id]), lambda _: control.upkeep.check_clusters()):
        job = jobs.submit(JOB)
        platform.set_job(job, JobPhase.SUCCEEDED)
        platform.silent = True
        assert jobs.observe([job.id])[job.id].state is JobState.SUCCEEDED, "its end is told all the same"
        platform.silent = False
        assert platform.remains == {job.id}
        look(job)
        assert platform.remains == set()


def test_a_check_that_changes_nothing_tells_what_is_left_of_a_job(control, platform, jobs):
    job = jobs.submit(JOB)
    platform.set_job(job, JobPhase.SUCCEEDED)
    platform.silent = True
    jobs.observe([job.id])
    report = control.upkeep.check_clusters(dry_run=True)
    assert f"{job}" in str(report.as_json())
    assert platform.remains == {job.id}
