"""The DAGs of the pages on functions, groups and jobs, run to their end on real Spark."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from airflow_databases import AIRFLOW
from connections import settings_for_local
from hanging import HANG_SECONDS
from testbed.cache import engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.core.record import ClusterState

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def run(tmp_path, airflow_environment):
    """Run a DAG file as ``airflow dags test`` does; gives what it printed, and the use cases over what it left."""

    def run(code: str):
        (tmp_path / "dags" / "page.py").write_text(code)
        dag_id = re.search(r'DAG\("(\w+)"', code)[1]
        command = [AIRFLOW, "dags", "test", dag_id]
        done = subprocess.run(command, env=airflow_environment, check=False, capture_output=True, text=True)
        home_of_clusters = tmp_path / "airflow" / "dcluster"
        control = connect(settings_for_local(home_of_clusters, engines_folder()))
        return done.returncode, done.stdout + done.stderr, control

    return run


def block(page: str, needle: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return next(it for it in blocks if needle in it)


@pytest.mark.long
def test_the_function_of_the_page_counts_its_primes(run):
    code, output, control = run(block("authoring.md", "count_primes"))
    assert code == 0, output[-5000:]
    assert "There are 1229 primes." in output
    (cluster,) = control.clusters.list()
    # No task waits for the end of a job's own cluster: whoever looks next goes on with it.
    control.clusters.wait(cluster.id, [ClusterState.TERMINATED], HANG_SECONDS)


@pytest.mark.long
def test_the_group_of_the_page_counts_on_one_cluster(run):
    code, output, control = run(block("authoring.md", "two_counts"))
    assert code == 0, output[-5000:]
    (cluster,) = control.clusters.list()
    results = [job.result for job in control.jobs.list() if job.cluster_id == cluster.id]
    assert sorted(results) == ["10", "100", "110"]
    assert cluster.state.value == "TERMINATED"


@pytest.mark.long
def test_the_cluster_of_the_page_grows_before_its_job(run, tmp_path):
    application = tmp_path / "report.py"
    application.write_text(
        "from pyspark.sql import SparkSession\nprint('rows:', SparkSession.builder.getOrCreate().range(10).count())\n"
    )
    code, output, control = run(
        block("elastic.md", "DClusterResizeOperator").replace("/opt/jobs/report.py", str(application))
    )
    assert code == 0, output[-5000:]
    assert "rows: 10" in output
    (cluster,) = control.clusters.list()
    actions = [event.action for event in control.registry.events.list(cluster_id=cluster.id)]
    assert "RESIZED" in actions
    assert cluster.state is ClusterState.TERMINATED
