"""Runs the job that a REST call or the Trigger form requests."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import SUBMIT_JOB
from dcluster_provider.dags.params import request_params, spec_json, spec_params
from dcluster_provider.operators.requested import DClusterRequestedJobOperator

with DAG(
    SUBMIT_JOB,
    dag_display_name="Run a job on a Spark or Flink cluster",
    description="Runs an application on a named cluster, on the client's long-living one, or on one of its own.",
    doc_md="The task returns the job's id, and its log has the job's. Mark the run failed to stop the job.",
    params=spec_params(JobSpec) | request_params(key=True),
    user_defined_macros={"job_json": spec_json(JobSpec)},
    schedule=None,
    **for_requests(),
):
    DClusterRequestedJobOperator(
        task_id="submit",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        request_key="{{ params.request_key or '' }}",
        spec="{{ job_json(params) }}",
    )
