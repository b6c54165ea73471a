"""One Kubernetes for all processes of a test run.

The run's first process starts it as soon as any of them wants it, and ends it when all of them have ended. They talk
through files in a folder of the run.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from testbed.built import BuiltTestbed
from testbed.cache import Report
from testbed.choice import TestbedUnavailable, running_testbed
from testbed.run_folder import RunFolder
from testbed.testbed import Testbed

_POLL_SECONDS = 0.2


class TestbedOwner:
    """The thread of a run's first process that starts the testbed and keeps it until the run ends.

    :param folder: of the run, the same for all its processes.
    """

    __test__ = False

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._run_is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="testbed owner", daemon=True)

    def start(self) -> None:
        """Wait for the first test that wants a testbed."""
        self._thread.start()

    def stop(self) -> None:
        """End the testbed, if there is one."""
        self._run_is_over.set()
        self._thread.join()

    def _serve(self) -> None:
        while not _wanted(self._folder).exists():
            if self._run_is_over.wait(_POLL_SECONDS):
                return
        with ExitStack() as ending:
            try:
                testbed = ending.enter_context(running_testbed(self._report))
            except TestbedUnavailable as reason:
                answer = {"unavailable": str(reason)}
            except Exception as error:  # noqa: BLE001 - the tests that wait for it say what went wrong
                answer = {"failed": f"{type(error).__name__}: {error}"}
            else:
                answer = describe(testbed)
            unfinished = self._folder / "testbed.unfinished"
            unfinished.write_text(json.dumps(answer))
            unfinished.rename(_answer(self._folder))
            self._run_is_over.wait()


def want(folder: Path) -> None:
    """Say that a test of this process will need the testbed."""
    _wanted(folder).touch()


def wait_for_answer(folder: Path) -> dict[str, str]:
    """What the run's first process says of the testbed: building one takes many minutes.

    :returns: what :func:`described` takes, or ``failed`` or ``unavailable`` with a reason.
    """
    want(folder)
    parent = os.getppid()
    while not _answer(folder).exists():
        if os.getppid() != parent:
            return {"failed": "the process that was to start it is gone"}
        time.sleep(_POLL_SECONDS)
    answer: dict[str, str] = json.loads(_answer(folder).read_text())
    return answer


def describe(testbed: Testbed) -> dict[str, str]:
    """A testbed as text, for other processes."""
    answer = {
        "kind": testbed.kind,
        "kubeconfig": str(testbed.kubeconfig),
        "kubectl": str(testbed.program),
        "shared": str(testbed.shared or ""),
    }
    return answer | ({"run": str(testbed.run.path)} if isinstance(testbed, BuiltTestbed) else {})


def described(answer: dict[str, str]) -> Testbed:
    """The testbed that another process has started."""
    if "run" in answer:
        return BuiltTestbed(RunFolder(Path(answer["run"])))
    shared = Path(answer["shared"]) if answer["shared"] else None
    return Testbed(answer["kind"], Path(answer["kubeconfig"]), Path(answer["kubectl"]), shared)


def _wanted(folder: Path) -> Path:
    return folder / "testbed.wanted"


def _answer(folder: Path) -> Path:
    return folder / "testbed.json"
