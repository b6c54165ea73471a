"""The testbed that is built on this machine: what can be done to it beyond what any Kubernetes allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from testbed import control
from testbed.api import Api, Refused
from testbed.image_store import SHELL_LESS_IMAGE
from testbed.run_folder import RunFolder
from testbed.testbed import Testbed

_FAKE = {"type": "kwok"}
_OF_FAKES = "labelSelector=type%3Dkwok"


class BuiltTestbed(Testbed):
    """A testbed whose components can be ended, suspended and started, one by one.

    Components: etcd, containerd, apiserver, controller-manager, scheduler, kubelet, proxy, dns, kwok, provisioner.
    """

    def __init__(self, run: RunFolder) -> None:
        programs = Path(run.read(run.plan)["binaries"])
        super().__init__("built", run.kubeconfig, programs / "kubectl", Path("/"))
        self.images["shell-less"] = SHELL_LESS_IMAGE
        self.run = run
        self._api = Api(run.kubeconfig)

    def kill(self, component: str) -> None:
        """End a component with SIGKILL."""
        control.ask(self.run.control, "kill", component)

    def start(self, component: str) -> None:
        """Start a component that was ended, and wait until Kubernetes answers, if it can."""
        running = control.ask(self.run.control, "start", component)
        if running["etcd"]["running"] and running["apiserver"]["running"]:
            self.wait_until(self.is_ready, "the API server is ready")

    def restart(self, component: str) -> None:
        """End a component in order and start it again."""
        control.ask(self.run.control, "stop", component)
        self.start(component)

    def suspend(self, component: str) -> None:
        """Let a component hang: it keeps its connections and answers nothing."""
        control.ask(self.run.control, "suspend", component)

    def resume(self, component: str) -> None:
        """Let a suspended component go on."""
        control.ask(self.run.control, "resume", component)

    def is_ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return bool(self._api.call("GET", "/readyz") == "ok")
        except (Refused, OSError):
            return False

    def add_fake_nodes(self, count: int, provider_id: str = "") -> None:
        """Register nodes whose pods are ready at once without running. Pods go there by selector and toleration.

        Nodes have the label ``type=kwok`` and the taint ``kwok=true:NoSchedule``; the first one is ``fake-0``.

        :param provider_id: of their machines, with ``{number}`` in it; empty means that no cloud made them.
        """
        have = len(self._fake_nodes())
        missing = [_fake_node(number, provider_id.format(number=number)) for number in range(have, count)]
        # kubectl asks about each node by itself, which takes minutes for a thousand.
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda node: self._api.call("POST", "/api/v1/nodes", node), missing))
        self.wait_until(lambda: sum(map(_is_ready, self._fake_nodes())) >= count, f"{count} nodes are ready")

    def remove_fake_nodes(self) -> None:
        """Remove them again; pods that are still on them are lost."""
        self._api.call("DELETE", f"/api/v1/nodes?{_OF_FAKES}")
        self.wait_until(lambda: not self._fake_nodes(), "the fake nodes are gone")

    def _fake_nodes(self) -> list[dict[str, Any]]:
        return list(self._api.call("GET", f"/api/v1/nodes?{_OF_FAKES}")["items"])


def _is_ready(node: dict[str, Any]) -> bool:
    """Whether the node says so, and the controller that keeps pods away from others has seen it."""
    conditions, taints = node["status"].get("conditions", ()), node["spec"].get("taints", ())
    says_so = any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
    return says_so and not any(it["key"] == "node.kubernetes.io/not-ready" for it in taints)


def _fake_node(number: int, provider_id: str) -> dict[str, object]:
    capacity = {"cpu": "1000", "memory": "1000Gi", "pods": "5000", "ephemeral-storage": "1000Gi"}
    name = f"fake-{number}"
    labels = _FAKE | {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    annotations = {"kwok.x-k8s.io/node": "fake"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {
            "taints": [{"key": "kwok", "value": "true", "effect": "NoSchedule"}],
            **({"providerID": provider_id} if provider_id else {}),
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    }
