"""The 25 calls of the dCluster API as its documentation shows them, each beside what does the same from a DAG.

Only host and token are another's. Where the documentation has no curl, its path and body make one.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from dcluster_provider.plugin.rest import bodies

HOST = "http://dcluster-host:8080"
_JSON = '-H "Content-Type: application/json"'


@dataclass(frozen=True)
class Call:
    """A call of the API.

    :param route: method and path.
    :param curl: the command of the documentation.
    :param same: the operator or hook call that does the same.
    """

    route: str
    curl: str
    same: str

    def command(self, url: str) -> list[str]:
        """The command, sent to another host."""
        words = shlex.split(self.curl.replace("\\\n", " "))
        for host in (
            HOST,
            "http://dcluster-useast1-prod-a-prod.dv-api.com",
            "http://dcluster-useast1-prod-b-prod.dv-api.com",
        ):
            words = [word.replace(host, f"{url}/dcluster") for word in words]
        return words


def _post(path: str, body: dict[str, object]) -> str:
    return f"curl -X POST {HOST}{path} {_JSON} -d '{json.dumps(body)}'"


STATUS_10603 = (
    "curl --location --request GET "
    "'http://dcluster-useast1-prod-a-prod.dv-api.com/cluster/status/cluster/10603'"
)
TERMINATE_570232 = "curl -X POST http://dcluster-useast1-prod-b-prod.dv-api.com/cluster/job/terminate/570232"

CALLS = {
    call.route: call
    for call in (
        Call("GET /", f"curl {HOST}/", "`airflow dcluster doctor`"),
        Call(
            "POST /launch/spark/cluster",
            _post("/launch/spark/cluster", bodies.SPARK_CLUSTER),
            "`DClusterLaunchSparkOperator`, `hook.clusters.launch(spec)`",
        ),
        Call(
            "POST /v2/launch/spark/cluster",
            _post(
                "/v2/launch/spark/cluster",
                {name: value for name, value in bodies.SPARK3_CLUSTER.items() if name != "clusterSuffix"},
            ),
            "`DClusterLaunchSparkOperator`, `hook.clusters.launch(spec)`",
        ),
        Call(
            "POST /launch/flink/cluster",
            _post("/launch/flink/cluster", bodies.FLINK_CLUSTER),
            "`DClusterLaunchFlinkOperator`, `hook.clusters.launch(spec)`",
        ),
        Call(
            "GET /status/cluster/{clusterId}",
            f"curl {HOST}/status/cluster/456",
            "`DClusterClusterSensor`, `hook.clusters.status(456)`",
        ),
        Call(
            "GET /status/spark/cluster/{clusterId}",
            f"curl {HOST}/status/spark/cluster/123",
            "`DClusterClusterSensor`, `hook.clusters.status(123)`",
        ),
        Call(
            "GET /status/cluster/name/{clusterName}",
            f"curl {HOST}/status/cluster/name/spark-dev-myteam-123",
            '`hook.clusters.status("spark-dev-myteam-123")`',
        ),
        Call(
            "DELETE /terminate/spark/{clusterId}",
            f"curl -X DELETE {HOST}/terminate/spark/123",
            "`DClusterTerminateOperator`, `hook.clusters.terminate(123)`",
        ),
        Call(
            "GET /terminate/flink/{clusterId}",
            f"curl {HOST}/terminate/flink/456",
            "`DClusterTerminateOperator`, `hook.clusters.terminate(456)`",
        ),
        Call(
            "POST /log/instance/{instanceId}",
            _post("/log/instance/i-1234567890abcdef0", bodies.INSTANCE),
            "`DClusterRecordInstanceOperator`, `hook.nodes.record_instance(id, info)`",
        ),
        Call(
            "POST /job/submit",
            _post("/job/submit", bodies.JOB),
            "`DClusterSubmitJobOperator`, `hook.jobs.submit(spec)`",
        ),
        Call(
            "POST /job/terminate/{jobId}",
            f"curl -X POST {HOST}/job/terminate/789",
            "`DClusterTerminateJobOperator`, `hook.jobs.terminate(789)`",
        ),
        Call(
            "GET /job/status/{jobId}",
            f"curl {HOST}/job/status/789",
            "`DClusterJobSensor`, `hook.jobs.observe([789])`",
        ),
        Call("GET /job/info/{jobId}", f"curl {HOST}/job/info/789", "`hook.jobs.info(789)`"),
        Call("GET /job/list", f'curl "{HOST}/job/list?status=running"', '`hook.jobs.list(status="running")`'),
        Call(
            "GET /job/check/{client}/{module}",
            f"curl {HOST}/job/check/my-team/data-processing",
            '`hook.jobs.find_duplicate("my-team", "data-processing")`',
        ),
        Call(
            "POST /job/stopped/{client}/{module}",
            f"curl -X POST {HOST}/job/stopped/my-team/data-processing",
            "`DClusterStopClientJobsOperator`, `hook.jobs.stop_client(client, module)`",
        ),
        Call(
            "GET /job/monitor/{client}",
            f"curl {HOST}/job/monitor/my-team",
            '`hook.jobs.is_monitored("my-team")`',
        ),
        Call(
            "GET /job/monitor/alert",
            f"curl {HOST}/job/monitor/alert",
            "`DClusterAlertLongRunningJobsOperator`, `hook.upkeep.alert_long_running()`",
        ),
        Call(
            "GET /cluster/check",
            f"curl {HOST}/cluster/check",
            "`DClusterCheckClustersOperator`, `hook.upkeep.check_clusters()`",
        ),
        Call(
            "POST /node/launch",
            _post("/node/launch", bodies.NODES),
            "`DClusterLaunchNodesOperator`, `hook.nodes.launch(request)`",
        ),
        Call(
            "POST /node/destroy",
            _post("/node/destroy", bodies.NODE_IDS),
            "`DClusterDestroyNodesOperator`, `hook.nodes.destroy(ids, region)`",
        ),
        Call(
            "GET /node/croncleanup",
            f"curl {HOST}/node/croncleanup",
            "`DClusterCleanupNodesOperator`, `hook.upkeep.cleanup_nodes()`",
        ),
        Call(
            "GET /ec2-info",
            f"curl {HOST}/ec2-info",
            "`DClusterListInstanceTypesOperator`, `hook.nodes.instance_types()`",
        ),
        Call(
            "GET /ec2-list-info",
            f"curl {HOST}/ec2-list-info",
            "`DClusterSyncInstancesOperator`, `hook.nodes.sync_instances()`",
        ),
    )
}
