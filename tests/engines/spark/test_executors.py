"""Executors that end at their start, by lines that Spark 3.5 writes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dcluster_provider.engines.spark.executors import (
    awaits_executor,
    ended_at_start,
    executor_words,
    with_words,
    words_addresses,
)

APP = "app-20261129203752-0000"
CONNECTED = (
    f"26/11/29 20:37:52 INFO StandaloneSchedulerBackend: Connected to Spark cluster with app ID {APP}\n"
)
START = f"""\
{CONNECTED}26/11/29 20:37:52 INFO StandaloneSchedulerBackend: Granted executor ID {APP}/0 on hostPort 127.0.0.1:38761
"""
JOINED = (
    "26/11/29 20:37:56 INFO StandaloneSchedulerBackend$StandaloneDriverEndpoint: Registered executor "
    "NettyRpcEndpointRef(spark-client://Executor) (127.0.0.1:45678) with ID 0,  ResourceProfileId 0\n"
)


def removed(number, how="Command exited with code 1"):
    return f"26/11/29 20:37:53 INFO StandaloneSchedulerBackend: Executor {APP}/{number} removed: {how}\n"


def test_ten_that_ended_at_start_are_enough():
    log = START + "".join(removed(number) for number in range(9))
    assert ended_at_start(log, {}) is None
    found = ended_at_start(log + removed(9), {})
    assert found.code == "ExecutorsFailed"
    assert found.cause.startswith("10 executors")
    assert found.evidence[-1] == f"executor {APP}/9: Command exited with code 1"


def test_one_that_came_to_work_ends_the_count():
    log = START + JOINED + "".join(removed(number) for number in range(50))
    assert ended_at_start(log, {}) is None


@pytest.mark.parametrize(
    ("log", "seconds", "awaits"),
    [
        (CONNECTED, 1, True),  # its master has given it an executor of which it does not tell yet
        (CONNECTED, 60, False),  # at a level of logging that tells of no executors
        (START, 60, True),
        (START, 600, False),  # at such a level since the program has begun
        (START + removed(0), 600, True),
        (START + removed(0) + JOINED, 1, False),
    ],
)
def test_the_first_executor_is_waited_for_unless_the_log_does_not_tell_of_any(log, seconds, awaits):
    assert awaits_executor(log, timedelta(seconds=seconds)) is awaits


@pytest.mark.parametrize(
    "how", ["worker lost: 127.0.0.1:1", "Command exited with code 0", "Killed by driver"]
)
def test_those_that_were_taken_or_ended_well_do_not_count(how):
    assert ended_at_start(START + "".join(removed(number, how) for number in range(20)), {}) is None


@pytest.mark.parametrize(
    ("retries", "ended", "is_over"), [("3", 3, True), ("3", 2, False), ("-1", 99, False), ("x", 10, True)]
)
def test_sparks_own_number_of_retries_is_followed(retries, ended, is_over):
    log = START + "".join(removed(number) for number in range(ended))
    found = ended_at_start(log, {"spark.deploy.maxExecutorRetries": retries})
    assert (found is not None) is is_over


def test_the_command_of_an_executor_is_none_of_its_words():
    command = 'Spark Executor Command: "java" "-Dpassword=hidden" "--worker-url"'
    words = ["Unrecognized VM option 'NoSuch'", "Error: Could not create the Java Virtual Machine."]
    assert executor_words([command, "=" * 40, "", *words]) == words
    assert executor_words(words) == words
    assert executor_words([command]) == []
    assert executor_words(["==== Bytes 900-1000 of 1000 of /var/dcluster/work/stderr ====", *words]) == words


def test_the_last_one_tells_by_its_worker_at_the_masters_proxy():
    added = (
        f"INFO StandaloneAppClient$ClientEndpoint: Executor added: {APP}/9 on worker-2026-10.1.2.3-7078 (x)\n"
    )
    log = START + added + "".join(removed(number) for number in range(10))
    found = ended_at_start(log, {})
    page = f"/proxy/worker-2026-10.1.2.3-7078/log/?appId={APP}&executorId=9&byteLength=65536&logType="
    assert words_addresses(log, found) == (f"{page}stderr", f"{page}stdout")
    assert words_addresses(START + "".join(removed(number) for number in range(10)), found) == ()
    told = with_words(found, ["Unrecognized VM option 'NoSuch'"])
    assert with_words(told, ["Unrecognized VM option 'NoSuch'"]) == told
    assert "Unrecognized VM option 'NoSuch'" in told.evidence
