"""Processes that outlive their starter: real ones, each ended by its own number."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from hanging import HANG_SECONDS
from local_platform import answers

from dcluster_provider.platforms.local.installation.environment import clean_environment
from dcluster_provider.platforms.local.processes.process import Command, Life, Process, StartFailed
from dcluster_provider.platforms.local.processes.runner import take_lock
from dcluster_provider.platforms.local.processes.termination import census, end

SLEEP = ("sleep", "300")


def until(condition):
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {HANG_SECONDS} s: {condition}")


@pytest.fixture
def process(tmp_path):
    process = Process(tmp_path / "process")
    yield process
    assert end([process], 0)


def command(process: Process, *argv: str, **more) -> Command:
    return Command(argv, dict(os.environ), process.folder, process.folder / "log", **more)


def members(process: Process) -> list[psutil.Process]:
    return census().get(process.folder, [])


def program(process: Process, name: str) -> psutil.Process:
    return until(
        lambda: next(
            (each for each, called in answers(members(process), psutil.Process.name) if called == name), None
        )
    )


def test_the_outcome_and_the_output_are_on_disk(process):
    process.start(command(process, "sh", "-c", "echo said; echo wrong >&2; exit 7"))
    state = until(lambda: (found := process.state()).is_over and found)
    assert (state.life, state.code, state.stopped) == (Life.ENDED, 7, False)
    assert (process.folder / "log").read_text() == "said\nwrong\n"


def test_the_number_of_the_signal_that_killed_it_is_kept(process):
    process.start(command(process, *SLEEP))
    program(process, "sleep").kill()
    assert until(lambda: process.state().code) == -9


def test_what_cannot_be_executed_says_so(process):
    process.start(command(process, "/no/such/program"))
    state = until(lambda: (found := process.state()).is_over and found)
    assert state.code == 127
    assert "/no/such/program" in state.error


def test_it_outlives_the_process_that_started_it(process):
    source = (
        "import os; from pathlib import Path\n"
        "from dcluster_provider.platforms.local.processes.process import Command, Process\n"
        f"folder = Path({str(process.folder)!r})\n"
        "Process(folder).start(Command(('sleep', '300'), dict(os.environ), folder, folder / 'log'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    starter = subprocess.run([sys.executable, "-c", source], check=False)
    assert starter.returncode == -9
    assert process.state().life is Life.RUNNING
    assert end([process], 5)
    assert process.state().stopped


def test_a_second_start_starts_nothing(process):
    process.start(command(process, *SLEEP))
    before = program(process, "sleep")
    process.start(command(process, *SLEEP))
    assert [each for each in members(process) if each.name() == "sleep"] == [before]


def test_what_has_ended_never_runs_again(process):
    once = command(process, "sh", "-c", "echo ran")
    process.start(once)
    until(lambda: process.state().is_over)
    process.start(once)
    assert process.state().life is Life.ENDED
    assert (process.folder / "log").read_text() == "ran\n"


def _has_open(member: psutil.Process, file: Path) -> bool:
    try:
        return str(file) in {each.path for each in member.open_files()}
    except psutil.Error:
        return False


def test_a_look_at_the_moment_of_the_start_keeps_nothing_from_starting(process):
    process.folder.mkdir()
    lock = process.folder / "lock"
    starter = threading.Thread(target=process.start, args=(command(process, *SLEEP),))
    with lock.open("w") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        starter.start()
        # The runner waits for the lock, or has given up: then the start returns.
        until(
            lambda: (
                not starter.is_alive()
                or any(
                    each.status() == psutil.STATUS_SLEEPING and _has_open(each, lock)
                    for each in members(process)
                )
            )
        )
    starter.join()
    assert process.state().life is Life.RUNNING
    program(process, "sleep")


def test_those_who_look_do_not_see_each_other(process):
    process.folder.mkdir()
    with (process.folder / "lock").open("w") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert process.state().life is Life.NEW


def test_a_runner_that_gives_up_says_why(process):
    process.folder.mkdir()
    with (process.folder / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(
            SystemExit, match=r"another process has held .*lock for 0 s and has started nothing"
        ):
            take_lock(process.folder, 0)
        process.forbid()
        assert take_lock(process.folder, 0) is None


def test_a_runner_that_says_nothing_is_an_error_and_what_it_should_run_never_begins(process, monkeypatch):
    monkeypatch.setattr(
        "dcluster_provider.platforms.local.processes.process.process_runner.__file__", os.devnull
    )
    with pytest.raises(StartFailed, match="has begun nothing"):
        process.start(command(process, *SLEEP))
    assert process.is_stopped()


def _start(folder: Path, ready) -> None:
    process = Process(folder)
    ready.wait()
    process.start(Command(("sh", "-c", "echo ran; sleep 300"), dict(os.environ), folder, folder / "log"))


def test_many_starts_at_once_start_it_once(process):
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(4)
    starters = [context.Process(target=_start, args=(process.folder, ready)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert [starter.exitcode for starter in starters] == [0] * 4
    until((process.folder / "log").exists)
    until((process.folder / "log").read_text)
    assert (process.folder / "log").read_text() == "ran\n"


def test_what_was_stopped_before_it_began_never_begins(process):
    process.forbid()
    process.start(command(process, "touch", str(process.folder / "ran")))
    assert process.state().life is Life.NEW
    assert process.state().stopped
    assert not members(process)


def test_a_stop_while_it_waits_for_an_address_keeps_it_from_beginning(process, free_port):
    process.start(
        command(process, "touch", str(process.folder / "ran"), wait_for=("127.0.0.1", free_port, 60))
    )
    assert process.state().life is Life.RUNNING
    assert end([process], 5)
    state = until(lambda: (found := process.state()).is_over and found)
    assert (state.code, state.stopped) == (None, True)
    assert not (process.folder / "ran").exists()


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_the_child_of_a_killed_runner_is_still_seen_and_ended(process):
    process.start(command(process, *SLEEP))
    child = program(process, "sleep")
    runner = next(each for each in members(process) if each.pid != child.pid)
    runner.kill()
    until(lambda: runner.pid not in psutil.pids())
    assert process.state().life is Life.RUNNING
    assert end([process], 5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert process.state().life is Life.LOST


def test_what_lost_its_runner_never_runs_again(process):
    process.start(command(process, *SLEEP))
    program(process, "sleep")
    for member in members(process):
        member.kill()
    until(lambda: process.state().life is Life.LOST)
    process.start(command(process, "touch", str(process.folder / "ran")))
    assert process.state().life is Life.LOST
    assert not members(process)


def test_everything_it_started_is_ended_even_in_another_session(process):
    process.start(
        command(process, "sh", "-c", "setsid sleep 301 & sleep 302 & trap '' TERM; while :; do sleep 1; done")
    )
    until(
        lambda: (
            {"301", "302"}
            <= {
                argument
                for _, words in answers(members(process), psutil.Process.cmdline)
                for argument in words
            }
        )
    )
    before = members(process)
    assert end([process], 0.3)
    assert not members(process)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in before)


def test_a_stranger_under_the_same_number_is_not_touched(process):
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        process.folder.mkdir()
        (process.folder / "started.json").write_text(f'{{"pid": {stranger.pid}, "at": 1.0}}')
        assert end([process], 1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_runner_ends_a_child_that_does_not_obey(process):
    process.start(command(process, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"))
    until(lambda: (process.folder / "log").exists() and (process.folder / "log").read_text())
    shell = program(process, "sh")
    next(each for each in members(process) if each.name() not in {"sh", "sleep"}).send_signal(signal.SIGTERM)
    assert until(lambda: process.state().code) == -9
    assert not shell.is_running() or shell.status() == psutil.STATUS_ZOMBIE


def test_the_command_and_its_environment_are_for_the_owner_alone_and_gone_once_it_runs(process):
    waiting = command(process, *SLEEP, wait_for=("127.0.0.1", 9, 60))
    process.start(waiting)
    path = process.folder / "command.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert end([process], 5)
    other = Process(process.folder.with_name("other"))
    other.start(command(other, *SLEEP))
    program(other, "sleep")
    until(lambda: not (other.folder / "command.json").exists())
    assert end([other], 5)


def test_no_dead_child_is_left_in_a_caller_that_lives_long(process):
    process.start(command(process, "true"))
    until(lambda: process.state().is_over)
    mine = psutil.Process().children()
    assert not [child for child in mine if child.status() == psutil.STATUS_ZOMBIE]


def test_a_start_that_cannot_be_recorded_says_why(process):
    process.folder.mkdir()
    (process.folder / "exit.draft").mkdir()  # where the outcome's room would be taken
    with pytest.raises(StartFailed, match=r"exit\.draft"):
        process.start(command(process, *SLEEP))
    assert process.state().life is Life.NEW
    (process.folder / "exit.draft").rmdir()


def test_a_command_does_not_inherit_secrets_of_airflow(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_DATABASE", "secret")
    monkeypatch.setenv("_AIRFLOW__AS_LIBRARY", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("SPARK_HOME", "/another/spark")
    monkeypatch.setenv("AWS_PROFILE", "theirs")
    found = clean_environment(("SPARK_",))
    assert found["AWS_PROFILE"] == "theirs"
    assert not {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW_CONN_DATABASE",
        "_AIRFLOW__AS_LIBRARY",
        "PYTHONPATH",
    } & set(found)
    assert "SPARK_HOME" not in found
