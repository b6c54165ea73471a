"""Variables and secrets of clusters and jobs on this machine arrive where they are needed, and nowhere else."""

from __future__ import annotations

import pytest
from connections import settings_for_local
from given_secrets import PASSWORD, SECRETS, TOKEN, digest, files_with_secrets, read_secret
from local_platform import engines_folder

from dcluster_provider.control.connect import connect
from tests.live.own_cluster import run_alone


@pytest.fixture
def control(tmp_path):
    return connect(settings_for_local(tmp_path / "home", engines_folder()), read_secret=read_secret)


def test_a_spark_job_finds_them_in_its_driver_and_executors(control, tmp_path):
    log = run_alone(control, "environment.py", "spark3", env={"LEVEL": "low"}, secrets=SECRETS)
    shown = f"low {digest(PASSWORD)} {digest(TOKEN)}"
    assert f"driver {shown}" in log
    assert f"executor {shown}" in log
    assert "in command lines 0" in log
    assert files_with_secrets([tmp_path]) == []  # no row, log or outcome has them


def test_a_flink_job_finds_them_in_its_client_and_the_tasks_of_its_own_cluster(control, tmp_path):
    log = run_alone(control, "environment_flink.py", "flink", env={"LEVEL": "low"}, secrets=SECRETS[:1])
    assert f"client low {digest(PASSWORD)}" in log
    assert f"task low {digest(PASSWORD)}" in log
    assert files_with_secrets([tmp_path]) == []
