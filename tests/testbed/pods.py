"""Small pods that tests run."""

from __future__ import annotations

from typing import Any

from testbed.testbed import Testbed

_END_SECONDS = 400  # a Spark driver on a busy machine


def pod(
    namespace: str,
    name: str,
    command: list[str],
    image: str = "apache/spark:3.5.9",
    container: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A pod of one container, labelled ``app=name``, that is not started again when it ends.

    :param container: more fields of the container.
    :param spec: more fields of the pod's specification.
    """
    only = {"name": "c", "image": image, "command": command, **(container or {})}
    ending = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {**ending, "containers": [only], **spec},
    }


def wait_until_ready(testbed: Testbed, namespace: str, name: str) -> None:
    """Wait until a pod is ready.

    :raises CommandFailed: it was not in time.
    """
    ready = ("--for=condition=Ready", f"--timeout={_END_SECONDS}s")
    testbed.kubectl("wait", f"--namespace={namespace}", "pod", name, *ready)


def run_to_end(testbed: Testbed, namespace: str, name: str) -> str:
    """Wait until a pod has succeeded.

    :returns: its log.
    :raises AssertionError: it failed, with its log.
    """

    def phase() -> str:
        state: str = testbed.get("get", f"--namespace={namespace}", "pod", name)["status"]["phase"]
        return state if state in {"Succeeded", "Failed"} else ""

    ended = testbed.wait_until(phase, f"pod {name} has ended", _END_SECONDS)
    log = testbed.kubectl("logs", f"--namespace={namespace}", name)
    assert ended == "Succeeded", log
    return log
