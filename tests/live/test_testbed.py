"""The testbed is a Kubernetes like any other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from testbed.pods import pod, run_to_end, wait_until_ready
from testbed.testbed import CommandFailed

if TYPE_CHECKING:
    from testbed.built import BuiltTestbed

SERVE = "print('serving', flush=True); import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000)"
ASK_SOON = """
import time, urllib.error, urllib.request
for _ in range(120):
    try:
        print(urllib.request.urlopen("{url}").status)
        break
    except urllib.error.URLError:  # kube-proxy and the DNS server learn of a Service a moment after the API server
        time.sleep(0.5)
"""
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}

pytestmark = [pytest.mark.long]  # what tests stand on, no promise to users


@pytest.fixture
def namespace(own_testbed: BuiltTestbed) -> Iterator[str]:
    with own_testbed.namespace("test", enforce="baseline") as name:
        yield name


class TestKubernetes:
    def test_a_service_answers_to_its_name_and_through_the_api_server(
        self, own_testbed: BuiltTestbed, namespace: str
    ) -> None:
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
        }
        own_testbed.apply(pod(namespace, "server", ["python3", "-c", SERVE]), service)
        wait_until_ready(own_testbed, namespace, "server")
        path = f"/api/v1/namespaces/{namespace}/services/web:80/proxy/"

        def proxied() -> str:
            try:
                return own_testbed.kubectl("get", "--raw", path)
            except CommandFailed:  # it does not listen yet
                return ""

        assert "Directory listing" in own_testbed.wait_until(proxied, "the service answers")
        asking = ASK_SOON.format(url=f"http://web.{namespace}")
        own_testbed.apply(pod(namespace, "client", ["python3", "-c", asking]))
        assert run_to_end(own_testbed, namespace, "client") == "200\n"
        assert own_testbed.kubectl("logs", f"--namespace={namespace}", "server").startswith("serving\n")

    def test_pods_reach_the_api_server(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        asking = (
            "import ssl, urllib.request as u; "
            "trust = ssl.create_default_context(cafile='/run/secrets/kubernetes.io/serviceaccount/ca.crt'); "
            "print(u.urlopen('https://kubernetes.default.svc/readyz', context=trust).read().decode())"
        )
        own_testbed.apply(pod(namespace, "client", ["python3", "-c", asking]))
        assert run_to_end(own_testbed, namespace, "client") == "ok\n"

    def test_images_have_the_users_and_places_of_apaches_own(
        self, own_testbed: BuiltTestbed, namespace: str
    ) -> None:
        spark = "id; pwd; readlink -f $(which java); $SPARK_HOME/bin/spark-submit --version"
        flink = "id; pwd; python -c 'import pyflink, pandas'; $FLINK_HOME/bin/flink --version"
        own_testbed.apply(
            pod(namespace, "spark", ["bash", "-c", f"exec 2>&1; {spark}"], own_testbed.images["spark"]),
            pod(namespace, "flink", ["bash", "-ec", f"exec 2>&1; {flink}"], own_testbed.images["flink"]),
        )
        log = run_to_end(own_testbed, namespace, "spark")
        assert "uid=185(spark) gid=185(spark)" in log
        assert "/opt/spark/work-dir\n/usr/lib/jvm/java-17" in log
        assert "version 3.5.9" in log
        log = run_to_end(own_testbed, namespace, "flink")
        assert "uid=9999(flink) gid=9999(flink)" in log
        assert "/opt/flink\n" in log
        assert "Version: 2.3.0" in log

    def test_a_driver_makes_its_own_executors(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        account = ("serviceaccount", f"--namespace={namespace}")
        own_testbed.kubectl("create", *account, "driver")
        grant = ("--clusterrole=edit", f"--serviceaccount={namespace}:driver", f"--namespace={namespace}")
        own_testbed.kubectl("create", "rolebinding", "driver", *grant)
        settings = {
            "spark.driver.host": "$(IP)",
            "spark.executor.instances": 1,
            "spark.executor.memory": "512m",
            "spark.kubernetes.executor.request.cores": "0.1",
            "spark.kubernetes.container.image": own_testbed.images["spark"],
            "spark.kubernetes.namespace": namespace,
            "spark.executor.extraJavaOptions": "'-Dtwo=words of one option'",
        }
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        application = ["/opt/spark/examples/src/main/python/pi.py", "2"]
        submit = ["--master", "k8s://https://kubernetes.default.svc", "--deploy-mode", "client", *options]
        address = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        command = ["/opt/spark/bin/spark-submit", *submit, *application]
        driver = pod(namespace, "driver", command, container={"env": [address]}, serviceAccountName="driver")
        own_testbed.apply(driver)
        assert "Pi is roughly 3." in run_to_end(own_testbed, namespace, "driver")

    @pytest.mark.parametrize(
        ("policy", "reason"), [("IfNotPresent", "ErrImagePull"), ("Never", "ErrImageNeverPull")]
    )
    def test_an_image_that_is_not_there_is_named(
        self, own_testbed: BuiltTestbed, namespace: str, policy: str, reason: str
    ) -> None:
        own_testbed.apply(pod(namespace, "wrong", ["true"], "nobody/nothing:1", {"imagePullPolicy": policy}))

        def reasons() -> bool:
            events = own_testbed.get("get", "events", f"--namespace={namespace}")["items"]
            return any(f"Error: {reason}" in event["message"] for event in events)

        own_testbed.wait_until(reasons, f"an event says {reason}")

    def test_the_node_takes_more_than_a_small_machine_has(
        self, own_testbed: BuiltTestbed, namespace: str
    ) -> None:
        asking = {"resources": {"requests": {"cpu": "12"}}}
        own_testbed.apply(
            pod(
                namespace,
                "large",
                ["python3", "-c", "import os; print(len(os.sched_getaffinity(0)))"],
                container=asking,
            )
        )
        assert run_to_end(own_testbed, namespace, "large") == f"{len(os.sched_getaffinity(0))}\n"

    def test_memory_beyond_the_limit_ends_a_container(
        self, own_testbed: BuiltTestbed, namespace: str
    ) -> None:
        little = {"resources": {"limits": {"memory": "64Mi"}}}
        own_testbed.apply(pod(namespace, "hungry", ["python3", "-c", "b'x' * 200_000_000"], container=little))

        def terminated() -> dict | None:
            states = own_testbed.get("get", f"--namespace={namespace}", "pod", "hungry")["status"].get(
                "containerStatuses", []
            )
            return states[0]["state"].get("terminated") if states else None

        ended = own_testbed.wait_until(terminated, "the container has ended")
        assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")

    def test_a_restricted_namespace_refuses_what_is_not_restricted(self, own_testbed: BuiltTestbed) -> None:
        with (
            own_testbed.namespace("test") as name,
            pytest.raises(CommandFailed, match="violates PodSecurity"),
        ):
            own_testbed.apply(pod(name, "free", ["true"]))
        with pytest.raises(CommandFailed, match="not found"):
            own_testbed.kubectl("get", "namespace", name)

    def test_a_quota_is_kept(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        own_testbed.kubectl("create", "quota", "none", "--hard=pods=0", f"--namespace={namespace}")

        def refused() -> bool:
            try:
                own_testbed.kubectl(
                    "create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod(namespace, "a", ["x"]))
                )
            except CommandFailed as error:
                return "exceeded quota" in str(error)
            return False

        own_testbed.wait_until(refused, "the quota is enforced")


class TestVolumes:
    def test_a_claim_gets_a_volume_that_goes_with_it(self, own_testbed: BuiltTestbed, namespace: str) -> None:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        volume = {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}
        writing = ["sh", "-c", "echo written > /v/f; cat /v/f"]
        own_testbed.apply(pod(namespace, "user", writing, container=MOUNT, volumes=[volume]))
        assert run_to_end(own_testbed, namespace, "user") == "written\n"
        folders = list(own_testbed.run.volumes.iterdir())
        assert any((folder / "f").exists() for folder in folders)
        own_testbed.kubectl("delete", f"--namespace={namespace}", "pod", "user", "--wait")
        own_testbed.wait_until(lambda: not any(folder.exists() for folder in folders), "its folder is gone")
        own_testbed.wait_until(lambda: not own_testbed.get("get", "persistentvolumes")["items"], "it is gone")

    def test_pods_read_the_files_that_a_test_gives_them(
        self, own_testbed: BuiltTestbed, namespace: str
    ) -> None:
        own_testbed.data_volume(namespace, "data", {"a.txt": b"text\n", "in/b.bin": bytes(range(256))})
        volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}}
        reading = ["sh", "-c", "cat /v/a.txt; wc -c < /v/in/b.bin"]
        own_testbed.apply(
            pod(namespace, "reader", reading, own_testbed.images["flink"], MOUNT, volumes=[volume])
        )
        assert run_to_end(own_testbed, namespace, "reader") == "text\n256\n"
