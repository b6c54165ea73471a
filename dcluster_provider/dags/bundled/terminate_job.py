"""Stops the job that a REST call or the Trigger form names."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import TERMINATE_JOB
from dcluster_provider.dags.params import request_params
from dcluster_provider.operators.job import DClusterTerminateJobOperator

with DAG(
    TERMINATE_JOB,
    dag_display_name="Terminate a job",
    description="Stops a job; its own cluster terminates with it.",
    doc_md="A job that has ended already is no error. The task returns the state in which the job ended, or "
    "the folder of its savepoint.",
    params={
        "job_id": Param(
            type="integer", minimum=1, title="Job id", description="The job to stop.", section="Job"
        ),
        "savepoint": Param(
            False,
            type="boolean",
            title="With a savepoint",
            description="Stop a Flink job with a savepoint, from which another job can start. When the savepoint "
            "fails, the job keeps running and the run fails.",
            section="Job",
        ),
        **request_params(),
    },
    schedule=None,
    **for_requests(),
):
    DClusterTerminateJobOperator(
        task_id="terminate",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        job_id="{{ params.job_id }}",
        savepoint="{{ params.savepoint }}",
    )
