"""Nothing is left of a testbed, however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hanging import HANG_SECONDS
from testbed import cgroups
from testbed.binaries import binaries
from testbed.built import BuiltTestbed
from testbed.cache import cache_folder, remove
from testbed.image_store import image_store
from testbed.lifecycle import temporary
from testbed.run_folder import RunFolder, remove_dead

TESTS = Path(__file__).parent.parent

pytestmark = [pytest.mark.long]  # what tests stand on, no promise to users


class Leftovers:
    """What a testbed leaves on the host: looked for by its id and its interface, and by comparison."""

    def __init__(self) -> None:
        self._rules = self._firewall()

    def of(self, run_id: str, interface: str) -> list[str]:
        links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
        found = [line for line in links.splitlines() if interface and line.startswith(interface + "@")]
        found += [line for line in Path("/proc/mounts").read_text().splitlines() if run_id in line]
        found += [str(path) for path in cgroups.ROOT.rglob(f"*{run_id}*")]
        found += [str(path) for path in (cache_folder() / "runs").iterdir() if path.name == run_id]
        for process in psutil.process_iter(["cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if run_id in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(words)
        if self._firewall() != self._rules:
            found.append("firewall rules")
        return found

    def _firewall(self) -> str:
        saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
        return "\n".join(line for line in saved.splitlines() if not line.startswith("#"))


@pytest.fixture
def other_cache(own_testbed: BuiltTestbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own with what was built before, so that other testbeds of this user are left alone."""
    pieces = [binaries().folder, image_store().folder]
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=cache_folder()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    cache_folder().mkdir(parents=True)
    for piece in pieces:
        (cache_folder() / piece.name).symlink_to(piece)
    try:
        yield folder
    finally:
        for run in RunFolder.all():
            assert not run.is_alive(), f"{run.path} still lives"
        remove_dead()
        remove(folder)


def begin(script: str) -> subprocess.Popen[str]:
    """Run Python code that uses the testbed."""
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=TESTS, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_until_dead(run: RunFolder) -> None:
    deadline = time.monotonic() + 30
    while run.is_alive():
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.05)


def is_soon_ready(run: RunFolder) -> bool:
    """Whether its API server says that it is ready: it answers requests before that, and a busy one is late."""
    testbed = BuiltTestbed(run)
    return bool(testbed.wait_until(testbed.is_ready, "the API server is ready"))


STAY_INSIDE = """
import sys
from testbed.lifecycle import temporary
with temporary(lambda message: None) as run:
    print(run.id, run.read(run.state)["interface"], run.read(run.path / "process.json")["pid"], flush=True)
    sys.stdin.read()
    import time
    time.sleep(600)
"""


class TestEnd:
    @pytest.mark.parametrize("victim", ["owner", "supervisor"])
    def test_nothing_is_left_of_one_that_was_killed(self, other_cache: Path, victim: str) -> None:
        leftovers = Leftovers()
        owner = begin(STAY_INSIDE)
        run_id, interface, supervisor = owner.stdout.readline().split()
        assert len(leftovers.of(run_id, interface)) > 5
        (run,) = RunFolder.all()
        with Path(f"/proc/{supervisor}/ns/net").open():  # a busy kernel is as slow to end a network
            os.kill(owner.pid if victim == "owner" else int(supervisor), signal.SIGKILL)
            wait_until_dead(run)
            assert remove_dead() == [run_id]
            owner.kill()
            owner.wait()
            assert leftovers.of(run_id, interface) == []

    def test_one_that_was_killed_while_it_started_does_not_hinder_the_next(self, other_cache: Path) -> None:
        leftovers = Leftovers()
        owner = begin(STAY_INSIDE)
        deadline = time.monotonic() + 60
        while not any("interface" in run.read(run.state) for run in RunFolder.all()):
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.01)
        (dead,) = RunFolder.all()
        owner.kill()
        owner.wait()
        wait_until_dead(dead)
        with temporary(print) as run:
            assert is_soon_ready(run)
            assert leftovers.of(dead.id, "") == []
        assert leftovers.of(run.id, "") == []

    def test_the_commands_start_one_that_stays_and_end_it(self, other_cache: Path) -> None:
        leftovers = Leftovers()
        up = self.command("up")
        assert self.command("up") == up[-1:]
        kubeconfig = up[-1].removeprefix("export KUBECONFIG=")
        (run,) = RunFolder.all()
        assert str(run.kubeconfig) == kubeconfig
        interface = run.read(run.state)["interface"]
        assert self.command("status")[0].startswith(f"{run.id} https://10.213.77.")
        assert is_soon_ready(run)
        assert self.command("down") == [f"Ended {run.id}"]
        assert self.command("down") == []
        assert leftovers.of(run.id, interface) == []

    @staticmethod
    def command(name: str) -> list[str]:
        command = [sys.executable, "-m", "testbed", name]
        return subprocess.run(
            command, cwd=TESTS, capture_output=True, text=True, timeout=HANG_SECONDS, check=True
        ).stdout.splitlines()
