"""Tasks that fail: a job of the run's conf on the run's cluster, and a launch of the run's conf."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator


class SubmitFromConf(DClusterSubmitJobOperator):
    """Submits the job that the run's conf describes, through the connection that it names."""

    def execute(self, context):
        conf = context["dag_run"].conf
        self.spec = conf["spec"]
        self.dcluster_conn_id = conf.get("conn_id", self.dcluster_conn_id)
        return super().execute(context)


class LaunchFromConf(DClusterLaunchSparkOperator):
    """Launches the cluster that the run's conf describes, through the connection that it names."""

    def execute(self, context):
        conf = context["dag_run"].conf
        self.spec, self.type = conf["spec"], None
        self.dcluster_conn_id = conf.get("conn_id", self.dcluster_conn_id)
        return super().execute(context)


with DAG("failing_job", schedule=None, max_active_runs=16):
    SubmitFromConf(
        task_id="task", spec={"client": "failing", "module": "{{ run_id }}"}, deferrable=True, poll_interval=1
    )

with DAG("failing_launch", schedule=None, max_active_runs=16):
    LaunchFromConf(task_id="task", spec={"tenant": "failing"}, deferrable=True, poll_interval=1)
