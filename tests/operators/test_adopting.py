"""What a retry says of the job or cluster that an earlier try has asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from connections import connection_variable

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import ClusterFailed
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.hooks import metrics
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator


@pytest.fixture
def earlier(monkeypatch, tmp_path):
    """The context of a try, and the cluster and succeeded job that an earlier one asked for."""
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection_variable(home=str(tmp_path)))
    for count in ("count_launch", "count_submission"):
        monkeypatch.setattr(metrics, count, lambda _: pytest.fail("it was counted again"))
    registry = DClusterHook().control.registry
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1, max_tries=1)
    ti.start_date = None
    owner = Owner("airflow", "d", "r", "t", epoch=1)
    common = {"deployment": "airflow", "conn_id": "dcluster_default", "owner": owner}
    common |= {"now": datetime.now(timezone.utc), "key": owner.key}
    cluster = registry.clusters.claim(
        spec=ClusterSpec(tenant="c"), env="dev", platform="local", **common
    ).record
    spec = JobSpec(client="c", module="m", application=__file__)
    job = registry.jobs.claim(spec=spec, cluster_id=cluster.id, owns_cluster=False, **common).record
    registry.jobs.save(replace(job, state=JobState.SUCCEEDED))
    return {"ti": ti, "task": SimpleNamespace(retries=1)}, cluster, job


def test_a_job_of_an_earlier_try_is_gone_on_with(earlier, capsys):
    context, cluster, job = earlier
    operator = DClusterSubmitJobOperator(
        task_id="t", client="c", module="m", cluster_id=cluster.id, application=__file__
    )
    assert operator.execute(context) == job.id
    said = capsys.readouterr().out
    assert f"An earlier attempt submitted job {job.id}" in said
    assert "Submitted" not in said


def test_a_cluster_of_an_earlier_try_is_gone_on_with(earlier, capsys):
    context, cluster, _ = earlier
    DClusterHook().control.registry.clusters.save(replace(cluster, state=ClusterState.RUNNING))
    operator = DClusterLaunchSparkOperator(task_id="t", tenant="c", launch_timeout=60)
    with pytest.raises(ClusterFailed, match="ClusterVanished"):  # nothing of it was ever made
        operator.execute(context)
    said = capsys.readouterr().out
    assert f"An earlier attempt launched cluster {cluster.id}" in said
    assert "Launched" not in said
