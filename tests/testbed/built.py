"""The testbed that is built on this machine: what can be done to it beyond what any Kubernetes allows."""

from __future__ import annotations

from pathlib import Path

from testbed import control
from testbed.api import Api, Refused
from testbed.image_store import SHELL_LESS_IMAGE
from testbed.run_folder import RunFolder
from testbed.testbed import Testbed

_FAKE = {"type": "kwok"}


class BuiltTestbed(Testbed):
    """A testbed whose components can be ended, suspended and started, one by one.

    Components: etcd, containerd, apiserver, controller-manager, scheduler, kubelet, proxy, dns, kwok, provisioner.
    """

    def __init__(self, run: RunFolder) -> None:
        programs = Path(run.read(run.plan)["binaries"])
        super().__init__("built", run.kubeconfig, programs / "kubectl")
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
        have = self.get("get", "nodes", "--selector=type=kwok")["items"]
        missing = [
            _fake_node(number, provider_id.format(number=number)) for number in range(len(have), count)
        ]
        if missing:
            self.apply(*missing)
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}=True"
        self.kubectl("wait", "nodes", "--selector=type=kwok", f"--for={ready}", "--timeout=120s")

    def remove_fake_nodes(self) -> None:
        """Remove them again; pods that are still on them are lost."""
        self.kubectl("delete", "nodes", "--selector=type=kwok", "--wait")


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
