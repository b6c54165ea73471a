"""The DAG and the commands of the page on upkeep, run as they stand."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from airflow_databases import AIRFLOW

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import ClusterState
from dcluster_provider.registry.store import Registry

PAGE = (Path(__file__).parent.parent.parent / "docs" / "upkeep.md").read_text()


@pytest.fixture
def airflow(tmp_path, airflow_environment):
    """Run a command of an Airflow whose only DAG is the page's, and return what it printed."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "dags" / "upkeep.py").write_text(code)

    def run(*words: str) -> str:
        command = [AIRFLOW, *words]
        done = subprocess.run(command, env=airflow_environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture
def forgotten(tmp_path):
    """A cluster that a run has asked for of which Airflow knows nothing any more, anew at every call."""
    registry = Registry(f"sqlite:///{tmp_path / 'airflow' / 'dcluster' / 'registry.db'}")

    def claim(run_id: str):
        owner = Owner("airflow", "forgotten", run_id, "launch")
        cluster = registry.clusters.claim(
            key=owner.key,
            spec=ClusterSpec(tenant="team"),
            env="dev",
            deployment="airflow",
            conn_id="dcluster_default",
            platform="local",
            owner=owner,
            now=datetime.now(timezone.utc),
        ).record
        return cluster, lambda: registry.clusters.get(cluster.id).state

    return claim


@pytest.mark.long
def test_the_dag_ends_what_is_forgotten(airflow, forgotten):
    cluster, state = forgotten("by the DAG")
    printed = airflow("dags", "test", "upkeep")
    assert state() is ClusterState.TERMINATED, printed[-5000:]
    assert f"ended  {cluster}  its owner run is over" in printed
    assert "Long-running jobs: checked nothing; done nothing; left 0" in printed


@pytest.mark.long
def test_the_commands_do_the_same(airflow, forgotten):
    commands = re.findall(r"^airflow (dcluster .*)$", PAGE, re.MULTILINE)
    assert commands == ["dcluster check --dry-run", "dcluster check", "dcluster alert"]
    cluster, state = forgotten("by the command")
    assert str(cluster) in airflow(*commands[0].split())
    assert state() is ClusterState.REQUESTED
    assert str(cluster) in airflow(*commands[1].split())
    assert state() is ClusterState.TERMINATED
    assert "Long-running jobs: checked nothing; done nothing; left 0" in airflow(*commands[2].split())
