"""What a job prints is in the log of its task, to the last line."""

from __future__ import annotations

import json
import re
import time

import pytest
from hanging import wait_until

LINES = 2000
TALKS = f"""
for number in range({LINES}):
    print(f"said {{number:04}} " + 60 * ".")
raise KeyError("usd")
"""


@pytest.fixture
def conn_id(request, live_airflow, platform):
    """A connection of the running Airflow to a platform."""
    if platform == "local":
        return "dcluster_default"
    kubernetes = request.getfixturevalue("kubernetes_connection")
    credentials = {"kube_config_path": str(kubernetes.kubeconfig)}
    for name, kind, extra in (
        ("kubernetes_default", "kubernetes", credentials),
        ("dcluster_kubernetes", "dcluster", kubernetes.extra),
    ):
        live_airflow.rest.make_connection(
            {"connection_id": name, "conn_type": kind, "extra": json.dumps(extra)}
        )
    return "dcluster_kubernetes"


@pytest.fixture
def folder(request, live_airflow, platform):
    """A folder that tasks and jobs have."""
    return (
        live_airflow.work if platform == "local" else request.getfixturevalue("kubernetes_connection").folder
    )


@pytest.mark.parametrize("live_airflow", ["local"], indirect=True, scope="session")
@pytest.mark.parametrize("platform", ["local", "kubernetes"])
def test_what_a_job_printed_last_is_in_the_tasks_log(live_airflow, platform, conn_id, folder):
    """All of it comes in one burst, and the job's own cluster ends with the job: on Kubernetes its pods go."""
    rest = live_airflow.rest
    application = folder / "talks.py"
    application.write_text(TALKS)
    assert wait_until(lambda: rest.has_dag("failing_job"))
    rest.unpause("failing_job")
    spec = {"client": "log", "module": str(time.time_ns()), "application": str(application)}
    run_id = rest.trigger("failing_job", {"spec": spec, "conn_id": conn_id})
    assert wait_until(lambda: rest.run_state("failing_job", run_id) == "failed")
    (task,) = rest.tasks("failing_job", run_id)
    log = rest.task_log(task)
    assert re.findall(r"\| said (\d{4}) ", log) == [f"{number:04}" for number in range(LINES)]
    assert "KeyError: 'usd'" in log
    # From nothing when the first look already finds it ended.
    assert re.search(r"Z job \d+ \(log/\d+\): (\w+ -> )?FAILED", log)
