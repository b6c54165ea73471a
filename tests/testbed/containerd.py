"""How containerd runs here: its configuration, and whether it answers."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hanging import ANSWER_SECONDS

SOCKET = "/run/containerd/containerd.sock"  # in a /run of the testbed's own
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"


def configuration(root: Path, networks: Path) -> str:
    """containerd's configuration file.

    :param root: where its images are.
    :param networks: the folder of the network's configuration.
    """
    # Without CAP_SYS_RESOURCE a process cannot lower its OOM score, and every sandbox would fail.
    return f"""version = 2
root = "{root}"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


def wait_until_it_answers(process: subprocess.Popen[bytes]) -> None:
    """Wait for the socket of a containerd that was just started.

    :raises RuntimeError: it ended, or did not answer in a minute.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if subprocess.run(["ctr", "-a", SOCKET, "version"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"containerd did not start (exit code {process.poll()})")
