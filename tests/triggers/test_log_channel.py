"""A trigger whose last lines nobody has read yet does not end."""

from __future__ import annotations

import asyncio
import socket
import time
from types import SimpleNamespace

import pytest
import structlog
from hanging import HANG_SECONDS

from dcluster_provider.triggers import log_channel


@pytest.fixture
def channel(monkeypatch):
    """Both ends of the socket by which log lines go to the triggerer."""
    ours, triggerers = socket.socketpair()
    with ours, triggerers, ours.makefile("wb", buffering=0) as io:
        monkeypatch.setattr(structlog, "get_config", lambda: {"logger_factory": SimpleNamespace(io=io)})
        yield io, triggerers


def test_lines_that_are_read_are_not_waited_for(channel):
    io, triggerers = channel
    io.write(b"line\n" * 1000)
    triggerers.recv(10_000)
    asyncio.run(asyncio.wait_for(log_channel.wait_until_read(), HANG_SECONDS))


def test_lines_are_waited_for_until_the_last_of_them_is_read(channel):
    io, triggerers = channel
    for _ in range(50):
        io.write(b"line\n" * 10)

    async def read_slowly():
        waiting = asyncio.create_task(log_channel.wait_until_read())
        left = 2500
        while left:
            await asyncio.sleep(0.01)
            assert not waiting.done(), f"{left} bytes were left"
            left -= len(triggerers.recv(500))
        await asyncio.wait_for(waiting, HANG_SECONDS)

    asyncio.run(read_slowly())


def test_a_triggerer_that_reads_nothing_keeps_no_trigger_for_ever(channel, monkeypatch):
    channel[0].write(b"line\n")
    monkeypatch.setattr(log_channel, "_GIVE_UP_SECONDS", 0.2)
    begun = time.monotonic()
    asyncio.run(asyncio.wait_for(log_channel.wait_until_read(), HANG_SECONDS))
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("config", [{}, {"logger_factory": structlog.PrintLoggerFactory()}])
def test_what_cannot_be_observed_gets_a_moment(config, monkeypatch):
    monkeypatch.setattr(structlog, "get_config", lambda: config)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("dcluster_provider.triggers.log_channel.asyncio.sleep", sleep)
    asyncio.run(log_channel.wait_until_read())
    assert slept == [1.0]
