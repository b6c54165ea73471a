"""Which Kubernetes the tests run on: one that is there, kind's, or one built here."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.built import BuiltTestbed
from testbed.cache import Report
from testbed.lifecycle import staying, temporary, what_is_missing
from testbed.testbed import Testbed

EXISTING = "DCLUSTER_TEST_KUBECONFIG"
SHARED = "DCLUSTER_TEST_SHARED_FOLDER"


class TestbedUnavailable(RuntimeError):
    """There is no Kubernetes and none can be made; the text says why."""

    __test__ = False


@contextmanager
def running_testbed(report: Report = print) -> Iterator[Testbed]:
    """A Kubernetes for the block; what was started for it ends with it.

    :param report: told which one is taken, and of progress.
    :raises TestbedUnavailable: there is none.
    """
    if EXISTING in os.environ:
        report(f"Kubernetes: the cluster of {EXISTING}={os.environ[EXISTING]}")
        shared = Path(os.environ[SHARED]) if SHARED in os.environ else None
        yield Testbed("existing", Path(os.environ[EXISTING]), _kubectl(), shared)
        return
    if _has_kind():
        report("Kubernetes: kind, on the Docker engine that answers")
        with _kind_cluster() as kubeconfig:
            yield Testbed("kind", kubeconfig, _kubectl())
        return
    for run in staying():
        report(f"Kubernetes: the testbed that runs in {run.path}")
        yield BuiltTestbed(run)
        return
    missing = what_is_missing()
    if missing:
        raise TestbedUnavailable(
            f"no Kubernetes: {EXISTING} is not set, no Docker engine with kind answers, "
            f"and none can be built: {missing}"
        )
    report("Kubernetes: one of the tests' own")
    with temporary(report) as run:
        yield BuiltTestbed(run)


def is_to_be_built() -> bool:
    """Whether :func:`running_testbed` would build a Kubernetes here, or take what was built before."""
    elsewhere = EXISTING in os.environ or _has_kind() or staying()
    return not elsewhere and not what_is_missing()


def _kubectl() -> Path:
    found = shutil.which("kubectl")
    if found is None:
        raise TestbedUnavailable("no Kubernetes: there is a cluster, but kubectl is not installed")
    return Path(found)


def _has_kind() -> bool:
    """Whether kind is installed and a Docker engine answers."""
    if shutil.which("kind") is None or shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def _kind_cluster() -> Iterator[Path]:
    name = f"dcluster-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        options = ["--name", name, "--kubeconfig", str(kubeconfig)]
        try:
            subprocess.run(["kind", "create", "cluster", *options, "--wait", "180s"], check=True)
            yield kubeconfig
        finally:
            subprocess.run(["kind", "delete", "cluster", *options], check=False)
