"""Clusters and jobs in namespaces that ask for CPU limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.core.record import ClusterState, JobState
from tests.live.kubernetes.conftest import (
    SMALL,
    SMALL_FLINK,
    Bench,
    ended,
    gone,
    make_bench,
    submit,
    until,
)

pytestmark = [pytest.mark.long]
APPLICATIONS = Path(__file__).parents[1] / "applications"
DEMANDS = {
    "quota": {"kind": "ResourceQuota", "spec": {"hard": {"limits.cpu": "12"}}},
    # Without a limit of its own, a container would get one that is less than it requests.
    "range": {
        "kind": "LimitRange",
        "spec": {
            "limits": [
                {
                    "type": "Container",
                    "default": {"cpu": "100m"},
                    "defaultRequest": {"cpu": "50m"},
                    "max": {"cpu": "2"},
                }
            ]
        },
    },
}


@pytest.fixture(scope="module", params=DEMANDS)
def demanding(request, testbed, tmp_path_factory) -> Iterator[Bench]:
    """A namespace that takes no container without a CPU limit."""
    with make_bench(testbed, tmp_path_factory) as bench:
        metadata = {"name": "demands", "namespace": bench.connection.namespace}
        testbed.apply({"apiVersion": "v1", "metadata": metadata} | DEMANDS[request.param])
        yield bench


def test_clusters_and_jobs_come_up_where_the_namespace_demands_cpu_limits(demanding):
    control = demanding.control()
    clusters = [control.clusters.launch(spec) for spec in (SMALL, SMALL_FLINK)]
    jobs = [submit(control, None, APPLICATIONS / "spark_pi.py", module="own")]
    for cluster, application in zip(clusters, ("spark_pi.py", "flink_words.py"), strict=True):
        control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.2)
        jobs.append(submit(control, cluster, APPLICATIONS / application))
    for job in jobs:
        done = ended(control, job)
        assert done.state is JobState.SUCCEEDED, done.diagnosis and done.diagnosis.render()
    for cluster in clusters:
        assert gone(control, cluster).state is ClusterState.TERMINATED
    assert until(lambda: demanding.left() == [])
