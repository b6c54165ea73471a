"""Kueue on a testbed: its definitions, its controller as a process of this machine, and queues."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hanging import wait_until
from testbed.certificates import make_certificates
from testbed.namespaces import WITH_PARENT

from dcluster_provider.platforms.local.processes.ports import free_ports
from kueue.build import kueue_build

if TYPE_CHECKING:
    from testbed import Testbed

_GROUP = "kueue.x-k8s.io"
_API = f"{_GROUP}/v1beta2"

# It reads one certificate at a fixed path, which is there for it alone.
_LAID_OVER = """\
mkdir -p "$0/etc/kueue/metrics" && ln -sfn "$0" "$0/etc/kueue/metrics/certs" &&
mount -t overlay -o "lowerdir=$0/etc:/etc" overlay /etc && exec "$@"
"""
_WITH_CERTIFICATES = [*WITH_PARENT, "unshare", "--mount", "sh", "-c", _LAID_OVER]


@dataclass(frozen=True)
class Kueue:
    """A Kueue that is up.

    :param namespace: of its LocalQueues.
    """

    testbed: Testbed
    namespace: str

    def queue(self, name: str, quota: dict[str, str], **cluster_queue: Any) -> None:
        """Make a LocalQueue, and the ClusterQueue and flavor behind it.

        :param quota: of its one flavor, whose name is the queue's; by resource.
        :param cluster_queue: further fields of the ClusterQueue.
        """
        resources = [{"name": resource, "nominalQuota": amount} for resource, amount in quota.items()]
        group = {"coveredResources": [*quota], "flavors": [{"name": name, "resources": resources}]}
        spec = {"namespaceSelector": {}, "resourceGroups": [group], **cluster_queue}
        self.testbed.apply(
            {"apiVersion": _API, "kind": "ResourceFlavor", "metadata": {"name": name}, "spec": {}},
            {"apiVersion": _API, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": spec},
            {
                "apiVersion": _API,
                "kind": "LocalQueue",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"clusterQueue": name},
            },
        )

    def flavor(self, name: str, **spec: Any) -> None:
        """Change a ResourceFlavor."""
        self.testbed.apply(
            {"apiVersion": _API, "kind": "ResourceFlavor", "metadata": {"name": name}, "spec": spec}
        )

    def priority(self, name: str, value: int) -> None:
        """Make a WorkloadPriorityClass."""
        self.testbed.apply(
            {"apiVersion": _API, "kind": "WorkloadPriorityClass", "metadata": {"name": name}, "value": value}
        )

    def workloads(self) -> list[dict[str, Any]]:
        """All Workloads of the namespace."""
        found: list[dict[str, Any]] = self.testbed.get(
            "get", f"workloads.{_GROUP}", f"--namespace={self.namespace}"
        )["items"]
        return found


@contextmanager
def running_kueue(testbed: Testbed, namespace: str, host: str, folder: Path) -> Iterator[Kueue]:
    """Install Kueue on a testbed, which is rid of it afterwards.

    :param namespace: of its LocalQueues.
    :param host: the address of this machine for the testbed.
    :param folder: for its certificates, configuration and log.
    """
    build = kueue_build().ensure(print)
    make_certificates(folder, [host])
    (folder / "server.crt").replace(folder / "tls.crt")
    (folder / "server.key").replace(folder / "tls.key")
    (port, health) = free_ports(2, set())
    configuration = {
        "apiVersion": f"config.{_GROUP}/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": host, "port": port, "certDir": str(folder)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "integrations": {"frameworks": ["batch/job"]},
        "featureGates": {"VisibilityOnDemand": False},  # which is an API server of its own
    }
    (folder / "kueue.json").write_text(json.dumps(configuration))
    definitions = [yaml.safe_load(file.read_text()) for file in sorted((build / "definitions").iterdir())]
    webhooks = _webhooks(build / "webhooks.yaml", f"https://{host}:{port}", folder / "ca.crt")
    system = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kueue-system"}}
    # Too large for what `kubectl apply` keeps of them by itself.
    testbed.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(_list([*definitions, system])))
    names = [each["metadata"]["name"] for each in definitions]
    testbed.kubectl("wait", "--for=condition=established", "--timeout=60s", "crd", *names)
    log = folder / "kueue.log"
    options = [f"--config={folder}/kueue.json", f"--kubeconfig={testbed.kubeconfig}"]
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_WITH_CERTIFICATES, folder, build / "manager", *options],
                stdout=output,
                stderr=output,
                env={"POD_NAMESPACE": "kueue-system", "PATH": os.environ["PATH"]},
            )
        try:
            assert wait_until(lambda: _is_ready(health) or process.poll() is not None)
            assert process.poll() is None, log.read_text()[-5000:]
            testbed.apply(*webhooks)
            yield Kueue(testbed, namespace)
        finally:
            for each in webhooks:
                testbed.kubectl("delete", each["kind"], each["metadata"]["name"], "--ignore-not-found")
            process.terminate()
            process.wait()
    finally:
        testbed.kubectl("delete", "crd", *names, "--ignore-not-found", "--wait=false")
        testbed.kubectl("delete", "namespace", "kueue-system", "--ignore-not-found", "--wait=false")


def _is_ready(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _webhooks(file: Path, url: str, authority: Path) -> list[dict[str, Any]]:
    """Those of Kueue's own kinds, as its installation registers them, called at the address of its process."""
    bundle = base64.b64encode(authority.read_bytes()).decode()
    found = []
    for each in yaml.safe_load_all(file.read_text()):
        own = [hook for hook in each["webhooks"] if _GROUP in hook["rules"][0]["apiGroups"]]
        for hook in own:
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {"url": url + path, "caBundle": bundle}
        found.append({**each, "metadata": {"name": f"kueue-{each['metadata']['name']}"}, "webhooks": own})
    return found


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": items}
