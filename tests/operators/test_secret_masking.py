"""Secrets in the arguments of operators are masked where Airflow shows what it has rendered."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.log import redact

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

SECRET = "m4rker-of-the-operators"


@pytest.fixture
def masker():
    """Airflow's masker, which forgets afterwards what it was told here."""
    from airflow.sdk._shared.secrets_masker import _secrets_masker

    masker = _secrets_masker()
    kept = (set(masker.patterns), masker.replacer)
    yield
    masker.patterns, masker.replacer = kept


@pytest.mark.parametrize(
    "arguments",
    [
        {"client": "c", "module": "m", "extra_cmd": {"spark.hadoop.fs.s3a.access.key": SECRET}},
        {"client": "c", "module": "m", "extra_cmd": json.dumps({"fs.s3a.access.key": SECRET})},
        {"client": "c", "module": "m", "args": ["--api-key", SECRET]},
        {"client": "c", "module": "m", "args": [f"--access-key={SECRET}"]},
        {"spec": {"client": "c", "module": "m", "extraCmd": {"fs.s3a.access.key": SECRET}}},
        {
            "spec": json.dumps(
                {"client": "c", "module": "m", "extraCmd": json.dumps({"a.access.key": SECRET})}
            )
        },
        {"client": "c", "module": "m", "extra_cmd": {"a.access.key": "{{ key }}"}},
        {"client": "c", "module": "m", "sql": "SET a.access.key = {{ key }}; SELECT 1"},
        {"spec": {"client": "c", "module": "m", "sql": f"CREATE TABLE t OPTIONS (password '{SECRET}')"}},
        {"spec": json.dumps({"client": "c", "module": "m", "sql": f"SET password = '{SECRET}'"})},
    ],
)
def test_a_rendered_secret_of_a_job_is_masked(masker, arguments):
    with DAG("dag", schedule=None):
        operator = DClusterSubmitJobOperator(task_id="submit", **arguments)
    operator.render_template_fields({"key": SECRET, "ti": SimpleNamespace()})
    for name in operator.template_fields:
        assert SECRET not in str(redact(getattr(operator, name)))
    assert SECRET not in redact(f"the job said {SECRET}")


def test_a_rendered_secret_of_a_cluster_is_masked(masker):
    with DAG("dag", schedule=None):
        operator = DClusterLaunchSparkOperator(
            task_id="launch", tenant="t", extra_configs={"fs.azure.account.key.x": SECRET}
        )
    operator.render_template_fields({})
    assert SECRET not in str(redact(operator.extra_configs))
