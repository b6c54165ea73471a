"""The components of a testbed's Kubernetes: their configuration files and command lines."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from testbed import cgroups, containerd, network
from testbed.run_folder import RunFolder

NODE = "testbed-node"
API_PORT = 6443
ETCD = "http://127.0.0.1:2379"
CPUS = 16  # what the node says it has: tests ask for more than a small machine has, and use little of it
PODS = 250
# A test makes thousands of objects in a minute; the controllers' own limits would be what it measures.
_FAST = ["--kube-api-qps=1000", "--kube-api-burst=2000"]


def write_configuration(run: RunFolder, tokens: dict[str, str], addresses: list[str]) -> None:
    """Write what the components read.

    :param tokens: bearer tokens of ``admin`` and ``kubelet``.
    :param addresses: where the API server is reached from the host, and from inside.
    """
    folder = run.configuration
    lines = [
        f'{tokens["admin"]},admin,admin,"system:masters"',
        f'{tokens["kubelet"]},system:node:{NODE},{NODE},"system:nodes"',
    ]
    _write_secret(folder / "tokens.csv", "\n".join(lines) + "\n")
    authority = (run.certificates / "ca.crt").read_bytes()
    outer, inner = addresses
    for file, user, address in (
        (run.kubeconfig, "admin", outer),
        (run.inner_kubeconfig, "admin", inner),
        (folder / "kubelet.kubeconfig", "kubelet", inner),
    ):
        _write_secret(file, json.dumps(_kubeconfig(f"https://{address}:{API_PORT}", authority, tokens[user])))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(run), indent=1))
    (folder / "networks").mkdir()
    (folder / "networks" / "10-pods.conflist").write_text(json.dumps(network.CONFIGURATION, indent=1))
    (folder / "containerd.toml").write_text(containerd.configuration(run.images, folder / "networks"))
    (folder / "Corefile").write_text(_corefile(run))


def command_lines(run: RunFolder, programs: Path) -> dict[str, list[str]]:
    """Every component's command line, in the order in which they start."""
    admin = f"--kubeconfig={run.inner_kubeconfig}"
    return {
        "etcd": [
            f"{programs}/etcd",
            f"--data-dir={run.path}/etcd",
            f"--listen-client-urls={ETCD}",
            f"--advertise-client-urls={ETCD}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "containerd": ["containerd", f"--config={run.configuration}/containerd.toml"],
        "apiserver": [f"{programs}/kube-apiserver", *_apiserver(run)],
        "controller-manager": [
            f"{programs}/kube-controller-manager",
            admin,
            f"--service-account-private-key-file={run.certificates}/accounts.key",
            f"--root-ca-file={run.certificates}/ca.crt",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            *_FAST,
        ],
        "scheduler": [f"{programs}/kube-scheduler", admin, "--leader-elect=false", *_FAST],
        "kubelet": [
            f"{programs}/kubelet",
            f"--config={run.configuration}/kubelet.json",
            f"--kubeconfig={run.configuration}/kubelet.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={network.BRIDGE_ADDRESS}",
        ],
        "proxy": [
            f"{programs}/kube-proxy",
            admin,
            "--proxy-mode=iptables",
            f"--hostname-override={NODE}",
            f"--cluster-cidr={network.PODS}",
            "--conntrack-max-per-core=0",
        ],
        "dns": [f"{programs}/coredns", "-conf", f"{run.configuration}/Corefile"],
        "kwok": [f"{programs}/kwok", str(run.inner_kubeconfig)],
        "provisioner": [
            sys.executable,
            "-m",
            "testbed.provisioner",
            str(run.inner_kubeconfig),
            str(run.volumes),
        ],
    }


def _apiserver(run: RunFolder) -> list[str]:
    certificates = run.certificates
    return [
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={network.SERVICES}",
        f"--secure-port={API_PORT}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={network.BRIDGE_ADDRESS}",
        f"--tls-cert-file={certificates}/server.crt",
        f"--tls-private-key-file={certificates}/server.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certificates}/accounts.key",
        f"--service-account-signing-key-file={certificates}/accounts.key",
        f"--token-auth-file={run.configuration}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        # Without it, logs of pods are asked for at the node's name, which nobody resolves.
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _kubelet(run: RunFolder) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Only the testbed's own network reaches it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.name(run.id)}",
        "failSwapOn": False,
        "failCgroupV1": False,
        "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
        "clusterDNS": [network.BRIDGE_ADDRESS],
        "clusterDomain": "cluster.local",
        "enforceNodeAllocatable": [],
        "evictionHard": {"imagefs.available": "1%", "nodefs.available": "1%", "memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": "/dev/null",
        "maxPods": PODS,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }


def _corefile(run: RunFolder) -> str:
    return f"""cluster.local in-addr.arpa {{
    bind {network.BRIDGE_ADDRESS}
    errors
    cache 2
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {run.inner_kubeconfig}
        ttl 2
    }}
}}
. {{
    bind {network.BRIDGE_ADDRESS}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def _kubeconfig(server: str, authority: bytes, token: str) -> dict[str, Any]:
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        "current-context": "testbed",
    }


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
