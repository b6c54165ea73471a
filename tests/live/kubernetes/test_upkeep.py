"""A cluster check on a real Kubernetes: what engines say of themselves, and what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from connections import settings_for_kubernetes

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.connect import Control, connect
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.identity import fresh_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from tests.forgotten import forget
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, gone, running, until
from tests.live.trials import long_except

APPLICATIONS = Path(__file__).parents[1] / "applications"
SQL = """\
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1');
CREATE TABLE nowhere (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT n FROM numbers;
"""


def upkeep_of(control: Control, settings: Settings) -> Upkeep:
    """A check by which every cluster without a job is idle at once."""
    limited = settings.model_copy(update={"idle_timeout": timedelta(milliseconds=1)})
    clusters = Clusters(control.registry, control.platform, limited)
    jobs = Jobs(control.registry, control.platform, limited, clusters)
    return Upkeep(control.registry, control.platform, limited, clusters, jobs)


def settings_of(bench, registry: str = "registry.db", deployment: str = "airflow") -> Settings:
    kubernetes = bench.connection.settings.model_copy(update={"deployment": deployment})
    return settings_for_kubernetes(bench.home, kubernetes, bench.home / registry, conn_id="kubernetes-tests")


def job_of_nobody(cluster: Cluster, application: Path) -> Job:
    """A job that no registry knows."""
    spec = {"client": "somebody", "module": "else", "job_type": cluster.type, "application": str(application)}
    spec |= {"driver_mem_gb": 0.5} | ({"worker_mem_gb": 0.5} if cluster.spec.engine == "spark" else {})
    return Job(
        id=999_000 + cluster.id,
        key=fresh_key(),
        generation=1,
        version=1,
        deployment=cluster.deployment,
        conn_id=cluster.conn_id,
        spec=JobSpec(**spec),
        owner=None,
        state=JobState.REQUESTED,
        created_at=cluster.created_at,
        state_since=cluster.state_since,
        cluster_id=cluster.id,
    )


@pytest.mark.parametrize("kind", long_except(["standalone"], ["standalone", "own executors", "flink"]))
def test_a_cluster_ends_when_it_is_idle_and_not_while_its_engine_is_at_work(bench, control, tmp_path, kind):
    spec = {"standalone": SMALL, "own executors": SMALL | {"single_job": True}, "flink": SMALL_FLINK}[kind]
    cluster = running(control, spec)
    application = APPLICATIONS / "endless.py"
    if kind == "flink":
        application = tmp_path / "endless.sql"
        application.write_text(SQL)
    platform, job = control.platform, job_of_nobody(cluster, application)
    platform.stage_job(job, cluster)
    platform.apply_job(job, cluster)
    assert until(lambda: platform.busy_clusters([cluster]) == {cluster.id: True})

    upkeep = upkeep_of(control, settings_of(bench))
    report = _check_that_was_told(upkeep)
    assert [(line.what, "its engine is busy" in line.why) for line in report.lines] == [("left", True)]
    platform.stop_job(job, cluster)
    assert until(lambda: platform.busy_clusters([cluster]) == {cluster.id: False})
    report = _check_that_was_told(upkeep)
    assert [line.what for line in report.lines] == ["ended"]
    assert until(lambda: control.clusters.status(cluster.id) is ClusterState.TERMINATED)
    assert bench.left() == []


def _check_that_was_told(upkeep: Upkeep) -> MaintenanceReport:
    """The first check whose question the engine answers: a busy one takes longer than the check waits."""

    reports: list[MaintenanceReport] = []

    def is_told() -> bool:
        reports.append(upkeep.check_clusters())
        print(reports[-1])
        return not any("does not report whether" in line.why for line in reports[-1].lines)

    assert until(is_told)
    return reports[-1]


def test_a_cluster_that_nobody_knows_is_told_of_then_removed_and_another_registrys_is_not(bench, control):
    others = connect(
        settings_of(bench, "other.db"), {"kubernetes": bench.connection.client}
    )  # of the same deployment
    unknown, theirs = control.clusters.launch(SMALL), others.clusters.launch(SMALL)
    forget(settings_of(bench).registry_url, unknown)
    upkeep = upkeep_of(control, settings_of(bench))
    first = upkeep.check_clusters(unknown_after=0)
    assert [(line.what, line.subject) for line in first.lines] == [("left", unknown.name)]
    assert until(lambda: others.clusters.status(theirs.id) is ClusterState.RUNNING)
    second = upkeep.check_clusters(unknown_after=0)
    print(first, second, sep="\n")
    assert [(line.what, line.subject) for line in second.lines] == [("removed", unknown.name)]
    assert until(lambda: not any(unknown.name in name for name in bench.left()))
    assert upkeep.check_clusters(unknown_after=0).lines == ()
    assert others.clusters.status(theirs.id) is ClusterState.RUNNING
    gone(others, theirs)


def test_a_clean_up_of_nodes_without_a_cloud_finds_nothing_and_takes_no_rights(control):
    report = control.nodes.clean_up()
    assert (report.done, report.lines) == ({}, ())
