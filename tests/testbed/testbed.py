"""What tests do with a Kubernetes, whichever it is."""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hanging import ANSWER_SECONDS

IMAGES = {
    "spark": "apache/spark:3.5.9",
    "flink": "flink:2.3.0",
    "shell-less": "registry.k8s.io/pause:3.10",
}
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 185,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class CommandFailed(RuntimeError):
    """A kubectl command failed; the text is what it said."""


class Testbed:
    """A running Kubernetes.

    :param kind: ``existing``, ``kind`` or ``built``.
    :param kubeconfig: its administrator's.
    :param kubectl: the program.
    :param shared: a folder of this machine that its nodes have at the same path, if there is one.
    """

    __test__ = False  # pytest, this is no test

    def __init__(self, kind: str, kubeconfig: Path, kubectl: Path, shared: Path | None = None) -> None:
        self.kind = kind
        self.shared = shared
        self.kubeconfig = kubeconfig
        self.images = dict(IMAGES)
        self.program = kubectl
        self.server: str = self.get("config", "view")["clusters"][0]["cluster"]["server"]
        real = self.get("get", "nodes", "--selector=type!=kwok")["items"]
        self.node_name: str = real[0]["metadata"]["name"]

    def kubectl(self, *arguments: str, stdin: str | bytes = b"") -> str:
        """Run kubectl as the administrator.

        :param stdin: what it reads.
        :returns: what it printed.
        :raises CommandFailed: with what it said instead.
        """
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
        content = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(command, input=content, capture_output=True, check=False)
        if done.returncode:
            raise CommandFailed(f"kubectl {' '.join(arguments)}: {done.stderr.decode().strip()}")
        return done.stdout.decode()

    def get(self, *arguments: str) -> Any:
        """What a kubectl command prints with ``--output=json``."""
        return json.loads(self.kubectl(*arguments, "--output=json"))

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Make or change objects."""
        self.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        )

    @contextmanager
    def namespace(
        self, prefix: str, enforce: str = "restricted", end_seconds: int = ANSWER_SECONDS
    ) -> Iterator[str]:
        """A namespace for the block; it is gone when the block has ended.

        :param enforce: the Pod Security standard that its pods have to meet.
        :param end_seconds: until then; thousands of pods take minutes, and 0 leaves its end to Kubernetes.
        :returns: its name, unique.
        """
        name = f"{prefix}-{secrets.token_hex(3)}"
        labels = {"pod-security.kubernetes.io/enforce": enforce}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.wait_until(lambda: self._has_account(name), f"namespace {name} can take pods")
        try:
            yield name
        finally:
            waiting = ["--wait", f"--timeout={end_seconds}s"] if end_seconds else ["--wait=false"]
            self.kubectl("delete", "namespace", name, *waiting)

    def data_volume(self, namespace: str, name: str, files: Mapping[str, bytes]) -> str:
        """A claim of a volume that holds these files, readable by every user.

        :param files: contents by path in the volume.
        :returns: the claim's name, which is ``name``.
        """
        pod = f"fill-{name}"
        self.apply(_claim(namespace, name), self._filling_pod(namespace, pod, name))
        self.kubectl(
            "wait",
            f"--namespace={namespace}",
            "--for=condition=Ready",
            f"pod/{pod}",
            f"--timeout={ANSWER_SECONDS}s",
        )
        unpack = ("exec", f"--namespace={namespace}", "--stdin", pod, "--", "tar", "-x", "-C", "/data")
        self.kubectl(*unpack, stdin=_tar(files))
        self.kubectl("delete", f"--namespace={namespace}", "pod", pod, "--wait", "--grace-period=1")
        return name

    def wait_until(self, holds: Callable[[], Any], what: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Wait for a condition.

        :param what: it, in words.
        :returns: the first true value of it.
        :raises TimeoutError: it did not come about.
        """
        deadline = time.monotonic() + seconds
        while not (value := holds()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so after {seconds:.0f} s: {what}")
            time.sleep(0.1)
        return value

    def _has_account(self, namespace: str) -> bool:
        return bool(self.get("get", "serviceaccounts", f"--namespace={namespace}")["items"])

    def _filling_pod(self, namespace: str, name: str, claim: str) -> dict[str, Any]:
        container = {
            "name": "tar",
            "image": self.images["spark"],
            "command": ["sleep", "300"],
            "securityContext": _RESTRICTED,
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [container], "volumes": [volume], "restartPolicy": "Never"},
        }


def _claim(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def _tar(files: Mapping[str, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()
