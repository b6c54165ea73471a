"""Spark and Flink clusters that somebody else runs on the testbed, by manifests that know nothing of this package.

They are reached at a port of the node: by pods, and from this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hanging import HANG_SECONDS

from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.engines.flink.conf import JVM_OPTIONS
from dcluster_provider.engines.rest import ErrorResponse, HttpRest, NoAnswer

if TYPE_CHECKING:
    from testbed import Testbed

_MASTER = (
    'exec /opt/spark/bin/spark-class org.apache.spark.deploy.master.Master --host "$POD_IP" --port 7077 '
    "--webui-port 8080"
)
_WORKER = (
    "until (: </dev/tcp/spark/7077) 2>/dev/null; do sleep 0.2; done; "
    'exec /opt/spark/bin/spark-class org.apache.spark.deploy.worker.Worker --host "$POD_IP" --cores 3 '
    "--memory 2G --work-dir /tmp/work spark://spark:7077"
)
_FLINK = 'mkdir -p /tmp/conf && printf "%s\n" "$SETTINGS" >/tmp/conf/config.yaml && exec /opt/flink/bin/'
_FLINK_SETTINGS = {
    "jobmanager.rpc.address": "flink",
    "jobmanager.bind-host": "0.0.0.0",
    "blob.server.port": "6124",
    "jobmanager.memory.process.size": "800m",
    "rest.address": "flink",
    "rest.bind-address": "0.0.0.0",
    "taskmanager.bind-host": "0.0.0.0",
    "taskmanager.memory.process.size": "1400m",
    "taskmanager.numberOfTaskSlots": "4",
    "env.java.opts.all": " ".join(JVM_OPTIONS),
}


@contextmanager
def their_spark(testbed: Testbed) -> Iterator[ExternalCluster]:
    """A standalone master with a worker of three cores."""
    with testbed.namespace("theirs") as namespace:
        image = testbed.images["spark"]
        testbed.apply(
            _service(namespace, "spark", {"spark": 7077, "page": 8080}),
            _deployment(namespace, "spark", image, _MASTER, "700Mi"),
            _deployment(namespace, "spark-worker", image, _WORKER, "3Gi"),
        )
        found = ExternalCluster(
            "reports",
            "spark3",
            _address(testbed, namespace, "spark", "page"),
            f"spark://spark.{namespace}.svc:7077",
        )
        testbed.wait_until(lambda: workers(found) == 1, "their Spark has its worker", HANG_SECONDS)
        yield found


@contextmanager
def their_flink(testbed: Testbed) -> Iterator[ExternalCluster]:
    """A session cluster with a TaskManager of four slots."""
    with testbed.namespace("theirs") as namespace:
        image = testbed.images["flink"]
        manager = f"{_FLINK}jobmanager.sh start-foreground"
        worker = f'{_FLINK}taskmanager.sh start-foreground -D taskmanager.host="$POD_IP"'
        testbed.apply(
            _service(namespace, "flink", {"rest": 8081, "rpc": 6123, "blob": 6124}),
            _deployment(namespace, "flink", image, manager, "900Mi"),
            _deployment(namespace, "flink-worker", image, worker, "1500Mi"),
        )
        found = ExternalCluster("streams", "flink", _address(testbed, namespace, "flink", "rest"))
        testbed.wait_until(lambda: slots(found) == 4, "their Flink has its TaskManager", HANG_SECONDS)
        yield found


def workers(cluster: ExternalCluster) -> int:
    """How many workers their Spark master has."""
    return int(_ask(cluster, "/json/").get("aliveworkers", 0))


def slots(cluster: ExternalCluster) -> int:
    """How many slots their JobManager has."""
    return int(_ask(cluster, "/overview").get("slots-total", 0))


def jars(cluster: ExternalCluster) -> list[Any]:
    """The jars that somebody has handed to their JobManager and left there."""
    return list(_ask(cluster, "/jars")["files"])


def engine_rest(cluster: ExternalCluster) -> HttpRest:
    """The HTTP interface of their master or JobManager."""
    address = urlsplit(cluster.rest)
    return HttpRest(str(address.hostname), int(address.port or 0))


def _ask(cluster: ExternalCluster, path: str) -> Any:
    try:
        return engine_rest(cluster).request("GET", path)
    except (NoAnswer, ErrorResponse):
        return {}


def _address(testbed: Testbed, namespace: str, service: str, port: str) -> str:
    """A port of the node, at the address that the API server has for this machine."""
    found = testbed.get("get", "service", service, f"--namespace={namespace}")
    (number,) = [each["nodePort"] for each in found["spec"]["ports"] if each["name"] == port]
    return f"http://{urlsplit(testbed.server).hostname}:{number}"


def _service(namespace: str, name: str, ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "type": "NodePort",
            "selector": {"app": name},
            "publishNotReadyAddresses": True,
            "ports": [{"name": each, "port": port} for each, port in ports.items()],
        },
    }


def _deployment(namespace: str, name: str, image: str, script: str, memory: str) -> dict[str, Any]:
    settings = "\n".join(f"{key}: {json.dumps(value)}" for key, value in _FLINK_SETTINGS.items())
    container: dict[str, Any] = {
        "name": "main",
        "image": image,
        "command": ["/bin/bash", "-c", script],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "SPARK_LOCAL_DIRS", "value": "/tmp"},
            {"name": "SPARK_DAEMON_MEMORY", "value": "400m"},
            {"name": "FLINK_CONF_DIR", "value": "/tmp/conf"},
            {"name": "FLINK_LOG_DIR", "value": "/tmp/log"},
            {"name": "SETTINGS", "value": settings},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {"requests": {"cpu": "200m", "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod: dict[str, Any] = {
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 9999 if name.startswith("flink") else 185,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }
