"""The Python code of the users' pages on real clusters."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from airflow_databases import AIRFLOW
from connections import connection_variable, settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_platform, until
from testbed.cache import engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.platforms.local.installation.engines import find_engine

ROOT = Path(__file__).parent.parent.parent
APPLICATION = "/opt/jobs/words.py"  # as the quickstart calls it


def test_the_hook_runs_a_job_as_the_quickstart_says(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "quickstart.md").read_text()
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "DClusterHook()" in block
    )
    application = tmp_path / "words.py"
    application.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "print('words:', spark.sparkContext.parallelize(['a b', 'c']).flatMap(str.split).count())\n"
    )
    monkeypatch.setenv("AIRFLOW__DCLUSTER__ENGINES_FOLDER", str(engines_folder()))
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection_variable(home=str(tmp_path / "home")))
    assert APPLICATION in code
    names: dict[str, object] = {}
    exec(compile(code.replace(APPLICATION, str(application)), "quickstart.md", "exec"), names)

    assert names["count_words"].function() == 0

    hook = DClusterHook()
    (job,) = hook.jobs.list()
    assert "words: 3" in hook.jobs.logs(job.id)
    (cluster,) = hook.clusters.list()
    hook.clusters.wait(cluster.id, [ClusterState.TERMINATED], HANG_SECONDS)


@pytest.mark.long
def test_a_job_is_upgraded_with_a_savepoint_as_the_page_says(tmp_path, airflow_environment):
    home, counted = Path(airflow_environment["AIRFLOW_HOME"]) / "dcluster", tmp_path / "counted"
    with local_platform(home, "flink") as platform:
        library = find_engine("flink", platform.settings).home / "lib"
        jar = build_jar(tmp_path, APPLICATIONS / "Counting.java", library)
        (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "savepoints.md").read_text(), re.DOTALL)
        code = code.replace("/opt/jobs/counting.jar", str(jar)).replace("/data/counted.csv", str(counted))
        code = code.replace("savepoint=True", "savepoint=True, deferrable=DEFERRABLE, poll_interval=1")
        jobs = connect(settings_for_local(home, engines_folder())).jobs
        job = jobs.submit(
            {"client": "sales", "module": "counting", "jobType": "flink", "useLongLivingCluster": True}
            | {"application": str(jar), "args": [str(counted)]}
        )
        for deferrable in (False, True):
            job = jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS)
            until(lambda: counted.exists() and counted.read_text().count("\n"), lambda seen: seen > 20)
            dag = tmp_path / "dags" / "upgrade.py"
            dag.write_text(f"DEFERRABLE = {deferrable}\n{code}")
            command = [AIRFLOW, "dags", "test", "upgrade", "--conf", json.dumps({"job": job.id})]
            done = subprocess.run(
                command, env=airflow_environment, check=False, capture_output=True, text=True
            )
            stopped = jobs.get(job.id)
            assert (stopped.state, bool(stopped.savepoint)) == (JobState.SUCCEEDED, True), done.stdout[-5000:]
            job = jobs.list(client="sales", module="counting")[0]
            assert job.spec.savepoint == stopped.savepoint, done.stdout[-5000:]
        before = counted.read_text().count("\n")
        lines = until(lambda: counted.read_text().splitlines()[:-1], lambda seen: len(seen) > before)
        assert lines == [f"{number} {number}" for number in range(1, len(lines) + 1)]
        command = f"airflow dcluster jobs terminate {job.id} --savepoint --timeout 300"
        assert command.replace(f" {job.id} ", " 1 ") in (ROOT / "docs" / "savepoints.md").read_text()
        done = subprocess.run(
            [AIRFLOW, *command.split()[1:]],
            env=airflow_environment,
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.splitlines()[-1] == jobs.get(job.id).savepoint
