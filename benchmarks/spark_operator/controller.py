"""The controller as a process of this machine, and SparkApplications for it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from dcluster_provider.platforms.local.processes.ports import HOST, free_ports
from spark_operator.program import spark_operator

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

ACCOUNT = "spark"
_READY_SECONDS = 60


@contextmanager
def running_operator(testbed: BuiltTestbed, namespace: str, spark_home: Path, folder: Path) -> Iterator[None]:
    """The operator with its default settings, for SparkApplications of one namespace.

    Its webhook and its election of a leader are off: there is one, and no pod needs what the webhook adds.

    :param spark_home: a Spark whose spark-submit it calls.
    :param folder: for its log.
    """
    program = spark_operator().ensure(print)
    _prepare(testbed, namespace, program / "crds")
    (health,) = free_ports(1, set())
    server = urlsplit(testbed.server)
    environment = os.environ | {
        "KUBECONFIG": str(testbed.kubeconfig),
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
        "SPARK_HOME": str(spark_home),
    }
    command = [
        str(program / "spark_operator"),
        "start",
        f"--namespaces={namespace}",
        f"--health-probe-bind-address={HOST}:{health}",
        "--leader-election=false",
        "--metrics-bind-address=0",
    ]
    with (folder / "operator.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, health, folder / "operator.log")
            yield
        finally:
            process.terminate()
            process.wait()


def spark_application(
    name: str, image: str, arguments: list[str], *, fake: bool = False, memory: str = "512m"
) -> dict[str, Any]:
    """Spark's own example of pi, on two executors.

    :param fake: its pods go to nodes that kwok plays.
    """
    size: dict[str, Any] = {"cores": 1, "coreRequest": "100m", "memory": memory}
    driver = size | {"serviceAccount": ACCOUNT}
    if fake:
        driver["template"] = {
            "spec": {
                "containers": [{"name": "spark-kubernetes-driver"}],
                "nodeSelector": {"type": "kwok"},
                "tolerations": [{"key": "kwok", "operator": "Exists"}],
            }
        }
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name},
        "spec": {
            "type": "Python",
            "mode": "cluster",
            "sparkVersion": "3.5.9",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "mainApplicationFile": "local:///opt/spark/examples/src/main/python/pi.py",
            "arguments": arguments,
            "restartPolicy": {"type": "Never"},
            "driver": driver,
            "executor": size | {"instances": 2},
        },
    }


def _prepare(testbed: BuiltTestbed, namespace: str, definitions: Path) -> None:
    testbed.kubectl("apply", "--server-side", f"--filename={definitions}")
    testbed.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"--filename={definitions}")
    testbed.kubectl("create", "serviceaccount", ACCOUNT, f"--namespace={namespace}")
    testbed.kubectl(
        "create",
        "rolebinding",
        ACCOUNT,
        "--clusterrole=edit",
        f"--serviceaccount={namespace}:{ACCOUNT}",
        f"--namespace={namespace}",
    )


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(f"http://{HOST}:{port}/readyz", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the operator did not become ready:\n{log.read_text()[-3000:]}")
