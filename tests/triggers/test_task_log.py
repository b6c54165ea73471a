"""What the task's log says of a change of state; a trigger whose last lines nobody has read yet does not end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from airflow.executors.workloads.trigger import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerLoggingFactory, TriggerRunnerSupervisor
from airflow.models.trigger import Trigger
from hanging import wait_until
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.triggers import task_log
from dcluster_provider.triggers.dcluster import JobTrigger
from dcluster_provider.triggers.task_log import describe_change

LINES = 600


def test_a_failure_is_told_with_its_cause_and_the_rest_by_the_error():
    before = replace(make_job(make_cluster()), state=JobState.RUNNING)
    told = Diagnosis(LogCode.DISK_FULL, "A disk is full.", "Free space.", ("No space left on device",))
    at = before.state_since + timedelta(seconds=3)
    line = describe_change(before, replace(before, state=JobState.FAILED, state_since=at, diagnosis=told))
    assert line.endswith("RUNNING -> FAILED after 3.0 s: A disk is full. [DiskFull]")
    assert "\n" not in line


class Talkative(JobTrigger):
    """Has a job's log to pass on, and ends with its event as soon as it has."""

    def __init__(self, batch: int = LINES) -> None:
        super().__init__("c", 7, ["SUCCEEDED"], 1.0, log_start=0)
        self.batch = batch

    async def run(self):
        for begin in range(0, LINES, self.batch):
            await self._pass_on([f"line {number}" for number in range(begin, begin + self.batch)])
        yield await self._event("state", None, None)


class LogFile(TriggerLoggingFactory):
    """A trigger's log file, which stays on this machine."""

    def upload_to_remote(self) -> None:
        """Nowhere."""


@pytest.mark.parametrize("batch", [LINES, 5])
def test_a_busy_triggerer_writes_every_line_that_a_trigger_has_logged(batch, tmp_path, monkeypatch):
    monkeypatch.setattr("airflow.sdk.log.init_log_file", lambda path: tmp_path / path)
    triggerer = TriggerRunnerSupervisor.start(job=SimpleNamespace(id=1), capacity=1)
    try:
        triggerer.logger_cache[1] = LogFile(log_path="trigger.log", ti=None)
        kwargs = Trigger.encrypt_kwargs({"batch": batch})
        classpath = f"{Talkative.__module__}.{Talkative.__qualname__}"
        work = RunTrigger(id=1, classpath=classpath, encrypted_kwargs=kwargs, ti=None)
        triggerer.creating_triggers.append(work)

        def ends() -> bool:
            time.sleep(0.05)  # a triggerer asks its database before it reads the next 4 KiB of log lines
            triggerer._service_subprocess(1)
            return not triggerer.logger_cache

        assert wait_until(ends, every=0)
    finally:
        triggerer.kill(force=True)
    written = [line for line in (tmp_path / "trigger.log").read_text().splitlines() if '"line ' in line]
    assert len(written) == LINES


@pytest.fixture
def channel(monkeypatch):
    """Both ends of the socket by which log lines go to the triggerer."""
    ours, triggerers = socket.socketpair()
    with ours, triggerers, ours.makefile("wb", buffering=0) as io:
        monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(io)])
        yield io, triggerers


def test_lines_that_are_read_are_not_waited_for(channel):
    io, triggerers = channel
    io.write(b"line\n" * 1000)
    triggerers.recv(10_000)
    asyncio.run(asyncio.wait_for(task_log.wait_until_read(), 60))


def test_lines_are_waited_for_until_the_last_of_them_is_read(channel):
    io, triggerers = channel
    for _ in range(50):
        io.write(b"line\n" * 10)

    async def read_slowly():
        waiting = asyncio.create_task(task_log.wait_until_read())
        left = 2500
        while left:
            await asyncio.sleep(0.01)
            assert not waiting.done(), f"{left} bytes were left"
            left -= len(triggerers.recv(500))
        await asyncio.wait_for(waiting, 60)

    asyncio.run(read_slowly())


def test_a_triggerer_that_reads_nothing_keeps_no_trigger_for_ever(channel, monkeypatch):
    channel[0].write(b"line\n")
    monkeypatch.setattr(task_log, "_GIVE_UP_SECONDS", 0.2)
    begun = time.monotonic()
    asyncio.run(asyncio.wait_for(task_log.wait_until_read(), 60))
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("handlers", [[], [logging.StreamHandler(StringIO())], [logging.NullHandler()]])
def test_what_cannot_be_observed_gets_a_moment(handlers, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", handlers)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("dcluster_provider.triggers.task_log.asyncio.sleep", sleep)
    asyncio.run(task_log.wait_until_read())
    assert slept == [1.0]
