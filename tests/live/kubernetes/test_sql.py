"""SQL as a job of its own in pods: on a standalone cluster, with executors that a driver makes, and on Flink."""

from __future__ import annotations

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.core.errors import JobFailed
from dcluster_provider.core.record import JobState
from dcluster_provider.core.redaction import REDACTED
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, running, submit

SECRET = "m4rker-of-sql-in-pods"
SQL = f"""\
SET my.secret.key = {SECRET};
CREATE TEMPORARY VIEW orders AS SELECT id, id % 2 AS customer FROM range(10);
SELECT customer, count(*) AS orders, '${{env:REGION}}' AS region FROM orders GROUP BY customer ORDER BY customer;
"""


def test_sql_runs_on_spark_with_and_without_a_cluster(control, tmp_path):
    alone = submit(control, None, "", sql=SQL, env={"REGION": "north"})  # with executors of its own
    cluster = running(control, SMALL)
    path = tmp_path / "orders.sql"
    path.write_text(SQL)
    named = submit(control, cluster, path, module="file", env={"REGION": "north"})
    for job, name in ((named, "orders.sql"), (alone, "statements.sql")):
        assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
        log = control.jobs.logs(job.id)
        assert f"[1/3 {name}:1] SET my.secret.key = {REDACTED}" in log
        assert log.count("|     5| north|") == 2
        assert SECRET not in log
    failing = submit(control, cluster, "", module="fails", sql="SELECT 1;\nSELECT * FROM nowhere;")
    with pytest.raises(JobFailed) as failed:
        control.jobs.wait(failing.id, timeout=HANG_SECONDS)
    assert failed.value.diagnosis.code == "TableMissing"
    assert "statement 2 of statements.sql (line 2) failed: There is no table" in failed.value.diagnosis.cause


@pytest.mark.long
def test_sql_that_is_no_file_runs_on_flink(control):
    job = submit(control, running(control, SMALL_FLINK), "", sql="SELECT 40 + 2 AS answer;")
    assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED
    assert "42" in control.jobs.logs(job.id)
