"""What a job prints is in the log of its task, to the last line."""

from __future__ import annotations

import re
import time

import pytest

from demo.standalone import wait_until

LINES = 2000
TALKS = f"""
for number in range({LINES}):
    print(f"said {{number:04}} " + 60 * ".")
raise KeyError("usd")
"""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("live_airflow", ["local", "kubernetes"], indirect=True, scope="session")
def test_what_a_job_printed_last_is_in_the_tasks_log(live_airflow):
    """All of it comes in one burst, and the job's own cluster ends with the job: on Kubernetes its pods go."""
    rest = live_airflow.rest
    application = live_airflow.work / "talks.py"
    application.write_text(TALKS)
    assert wait_until(lambda: rest.has_dag("failing_job"), 120)
    rest.unpause("failing_job")
    spec = {"client": "log", "module": str(time.time_ns()), "application": str(application)}
    run_id = rest.trigger("failing_job", {"spec": spec})
    assert wait_until(lambda: rest.run_state("failing_job", run_id) == "failed", 180)
    (task,) = rest.tasks("failing_job", run_id)
    log = rest.task_log(task)
    assert re.findall(r"\| said (\d{4}) ", log) == [f"{number:04}" for number in range(LINES)]
    assert "KeyError: 'usd'" in log
    # From nothing when the first look already finds it ended.
    assert re.search(r"Z job \d+ \(log/\d+\): (\w+ -> )?FAILED", log)
