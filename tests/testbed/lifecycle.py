"""Building, starting and ending a testbed on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from hanging import HANG_SECONDS

from testbed.api import Api, Refused
from testbed.binaries import binaries
from testbed.cache import Report, remove_outdated
from testbed.components import NODE
from testbed.image_store import image_store
from testbed.namespaces import inside
from testbed.provisioner import PROVISIONER, STORAGE_CLASS
from testbed.run_folder import RunFolder, remove_dead

NEEDED = {
    "containerd": "containerd",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "ip": "iproute2",
    "unshare": "util-linux",
    "openssl": "openssl",
    "go": "a Go toolchain",
}
_END_SECONDS = 30
_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": STORAGE_CLASS,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}


def what_is_missing() -> str:
    """Why a testbed cannot be built on this machine; empty when it can."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "it is built on Linux on x86-64 only"
    if os.geteuid() != 0:
        return "building it takes root, for namespaces and control groups"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    packages = [package for program, package in NEEDED.items() if shutil.which(program, path=path) is None]
    return f"not installed: {', '.join(packages)}" if packages else ""


def prepare(report: Report) -> tuple[Path, Path]:
    """Build what is not in the cache yet.

    :returns: the folders of the programs and of the images.
    """
    with ThreadPoolExecutor() as pool:  # one compiles while the other downloads
        programs, images = (pool.submit(piece.ensure, report) for piece in (binaries(), image_store()))
    return programs.result(), images.result()


@contextmanager
def temporary(report: Report) -> Iterator[RunFolder]:
    """A testbed that ends with the block, or with this process if that is killed.

    :raises RuntimeError: it did not start, with the evidence; nothing of it is left.
    """
    run, owner = _start(report)
    try:
        yield run
    finally:
        os.close(owner)
        end(run)


def start_to_stay(report: Report) -> RunFolder:
    """Start a testbed that runs until someone ends it.

    :raises RuntimeError: it did not start, with the evidence; nothing of it is left.
    """
    run, owner = _start(report)
    run.write(run.state, run.read(run.state) | {"stays": True})
    os.write(owner, b"s")
    os.close(owner)
    return run


def end(run: RunFolder) -> None:
    """End a testbed and remove what is its.

    :raises RuntimeError: it does not end.
    """
    deadline = time.monotonic() + _END_SECONDS
    while run.is_alive():
        pid = run.read(run.path / "process.json").get("pid")
        if pid is not None:
            _kill(pid)
        if time.monotonic() > deadline:
            raise RuntimeError(f"the testbed in {run.path} does not end")
        time.sleep(0.05)
    remove_dead()


def staying() -> list[RunFolder]:
    """The testbeds that run and belong to no process."""
    return [run for run in RunFolder.all() if run.is_alive() and run.read(run.state).get("stays")]


def is_outdated(run: RunFolder) -> bool:
    """Whether a testbed was started from other builds than this checkout's."""
    plan = run.read(run.plan)
    return [plan["binaries"], plan["images"]] != [str(piece.folder) for piece in (binaries(), image_store())]


def _start(report: Report) -> tuple[RunFolder, int]:
    """A running testbed and its owner's end of a pipe: when that is closed, the testbed ends."""
    remove_dead()
    programs, images = prepare(report)
    begun = time.monotonic()
    run, alive = RunFolder.new()
    reading, owner = os.pipe()
    try:
        try:
            run.write(run.plan, {"binaries": str(programs), "images": str(images)})
            _spawn(run, alive, reading)
        finally:
            os.close(reading)
            os.close(alive)
        _wait_until_usable(run)
    except BaseException:
        os.close(owner)
        end(run)
        raise
    report(f"Kubernetes is ready after {time.monotonic() - begun:.0f} s")
    remove_outdated([binaries(), image_store()], _pieces_in_use())
    return run, owner


def _spawn(run: RunFolder, alive: int, owner: int) -> None:
    """Start the supervisor in namespaces of its own; it holds the mark of life as long as it runs."""
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    command = [sys.executable, "-m", "testbed.supervisor", str(run.path), str(host_network), str(owner)]
    with (run.logs / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            inside(command, network=True),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parent.parent,
            pass_fds=[alive, host_network, owner],
            start_new_session=True,
        )
    os.close(host_network)
    run.write(run.path / "process.json", {"pid": process.pid})


def _kill(pid: int) -> None:
    """Kill the process that holds the namespaces, if the number still means it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"testbed.supervisor" in words:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass
    finally:
        os.close(descriptor)


def _wait_until_usable(run: RunFolder) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not _is_usable(run):
        state = run.read(run.state)
        if state.get("phase") == "failed" or not run.is_alive():
            log = (run.logs / "supervisor.log").read_text(errors="replace")
            raise RuntimeError(f"the testbed did not start: {state.get('error') or log[-3000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the node was not ready after {HANG_SECONDS} s; the state: {state}")
        time.sleep(0.1)
    run.write(run.state, run.read(run.state) | {"phase": "ready"})


def _is_usable(run: RunFolder) -> bool:
    """Whether the node is ready and the default namespace can take pods."""
    if run.read(run.state).get("phase") != "started":
        return False
    api = Api(run.kubeconfig)
    try:
        node = api.call("GET", f"/api/v1/nodes/{NODE}")
        api.call("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        api.call("PATCH", _apply_path(), _CLASS, "application/apply-patch+yaml")
    except (Refused, OSError):
        return False
    conditions = {
        condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])
    }
    return conditions.get("Ready") == "True"


def _apply_path() -> str:
    return f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}?fieldManager=testbed&force=true"


def _pieces_in_use() -> list[Path]:
    plans = [run.read(run.plan) for run in RunFolder.all() if run.is_alive()]
    return [Path(plan[piece]) for plan in plans for piece in ("binaries", "images") if piece in plan]
