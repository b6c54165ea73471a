"""The quickstart's Python code on a real cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dcluster_provider.hooks.dcluster import DClusterHook
from tests.live.conftest import connection, engines_folder

pytestmark = pytest.mark.timeout(600)
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
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection(home=str(tmp_path / "home")))
    assert APPLICATION in code
    names: dict[str, object] = {}
    exec(compile(code.replace(APPLICATION, str(application)), "quickstart.md", "exec"), names)

    assert names["count_words"].function() == 0

    hook = DClusterHook()
    (job,) = hook.jobs.list()
    assert "words: 3" in hook.jobs.logs(job.id)
    assert [cluster.state.value for cluster in hook.clusters.list()] == ["TERMINATED"]
