"""What really leaves the process for a StatsD server."""

from __future__ import annotations

import inspect
import socket
from dataclasses import replace
from datetime import timedelta

import pytest
from local_platform import make_cluster, make_job

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.hooks import metrics


@pytest.fixture
def received(monkeypatch):
    """A StatsD server; calling it gives the next lines that it got."""
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability.metrics.statsd_logger import get_statsd_logger

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        for name, value in (
            ("STATSD_ON", "True"),
            ("STATSD_HOST", "127.0.0.1"),
            ("STATSD_PORT", str(server.getsockname()[1])),
            ("STATSD_INFLUXDB_ENABLED", "True"),
        ):
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        initialize(get_statsd_logger)
        yield lambda count: [server.recv(4096).decode() for _ in range(count)]
        initialize(NoStatsLogger)


def initialize(factory):
    """Have Airflow report to what a factory makes; since 3.3 it wants to know about the names of before, too."""
    from airflow.sdk.observability.stats import Stats

    wanted = inspect.signature(Stats.initialize).parameters
    Stats.initialize(
        factory=factory, **{"export_legacy_names": False} if "export_legacy_names" in wanted else {}
    )


def test_clusters_are_counted_and_timed(received):
    cluster = make_cluster(type="flink")
    metrics.count_launch(cluster)
    later = cluster.created_at + timedelta(seconds=2)
    metrics.time_start(replace(cluster, state=ClusterState.RUNNING, state_since=later))
    metrics.count_failure(
        replace(cluster, diagnosis=Diagnosis(SparkCode.MASTER_LOST, "It broke.", "Mend it."))
    )
    assert received(3) == [
        "airflow.dcluster.cluster.launch,engine=flink,platform=local:1|c",
        "airflow.dcluster.cluster.start,engine=flink,platform=local:2000.000000|ms",
        "airflow.dcluster.cluster.failed,engine=flink,platform=local,code=MasterLost:1|c",
    ]


def test_jobs_are_counted_and_timed_by_how_they_ended(received):
    job = make_job(make_cluster())
    metrics.count_submission(job)
    at = job.created_at
    ended = replace(
        job,
        state=JobState.FAILED,
        started_at=at + timedelta(seconds=1),
        ended_at=at + timedelta(seconds=4),
    )
    metrics.time_job(ended)
    tags = "engine=spark,client=team,module=etl"
    assert received(4) == [
        f"airflow.dcluster.job.submit,{tags}:1|c",
        f"airflow.dcluster.job.ended,{tags},state=failed:1|c",
        f"airflow.dcluster.job.wait,{tags},state=failed:1000.000000|ms",
        f"airflow.dcluster.job.duration,{tags},state=failed:3000.000000|ms",
    ]


def test_a_job_that_never_began_has_no_duration(received):
    metrics.time_job(replace(make_job(make_cluster()), state=JobState.KILLED))
    metrics.count_launch(make_cluster())
    ended, launched = received(2)
    assert "dcluster.job.ended" in ended
    assert "dcluster.cluster.launch" in launched
