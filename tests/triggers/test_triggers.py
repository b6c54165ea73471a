"""The triggers: what is stored of them, when they fire, and what they end."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.triggers.dcluster import ClusterTrigger, JobTrigger
from dcluster_provider.triggers.shared_watch import SharedWatch

OWNER = Owner("airflow", "dag", "run", "task")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
JOB = Job(
    id=7,
    key="k",
    generation=1,
    version=1,
    deployment="airflow",
    conn_id="c",
    spec=JobSpec(client="c", module="m"),
    owner=OWNER,
    state=JobState.RUNNING,
    created_at=NOW,
    state_since=NOW,
    cluster_id=1,
)

SILENT = SimpleNamespace(log_pause=0.0, on_change=lambda told: lambda: None)


class Calls:
    """One job, in the states of a list, one for each look; the last one stays."""

    def __init__(self, *states):
        self.states = list(states)
        self.terminated = []

    def observe(self, ids):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {number: replace(JOB, id=number, state=state) for number in ids}

    def read_logs(self, wanted):
        return tuple(LogPart("hello\n", start + 6) for _, start in wanted)

    def terminate(self, job_id, actor):
        self.terminated.append((job_id, actor))
        return replace(JOB, state=JobState.KILLED)


def job_trigger(**more):
    return JobTrigger("c", 7, ["SUCCEEDED"], 0.01, **more)


def fire(trigger, calls):
    async def first_event():
        SharedWatch.of("c")._control = SimpleNamespace(
            jobs=calls, clusters=Calls(JobState.RUNNING), platform=SILENT
        )
        events = trigger.run()
        event = await anext(events)
        await events.aclose()
        return event.payload

    return asyncio.run(first_event())


@pytest.mark.parametrize("kind", [ClusterTrigger, JobTrigger])
def test_a_trigger_survives_being_stored(kind):
    trigger = kind("c", 7, ["RUNNING"], 5.0, 123.0, OWNER.as_json(), 0)
    path, arguments = trigger.serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**arguments)
    assert type(again) is kind
    assert again.serialize() == (path, arguments)


def test_it_fires_once_the_state_is_reached_and_says_how_far_the_log_was_read():
    calls = Calls(JobState.RUNNING, JobState.SUCCEEDED)
    assert fire(job_trigger(log_start=0), calls) == {
        "cause": "state",
        "id": 7,
        "state": "SUCCEEDED",
        "log_end": 12,
    }


def test_a_final_state_that_was_not_waited_for_ends_the_wait_too():
    assert fire(job_trigger(), Calls(JobState.FAILED))["state"] == "FAILED"


def test_its_own_deadline_fires():
    event = fire(job_trigger(deadline=time.time() + 0.1), Calls(JobState.RUNNING))
    assert (event["cause"], event["state"]) == ("timeout", "RUNNING")


@pytest.mark.parametrize(
    ("state", "is_ended"), [("failed", True), (None, True), ("deferred", False), ("running", False)]
)
def test_on_kill_ends_the_job_unless_its_task_is_still_going(monkeypatch, state, is_ended):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    answer = {"run": {"task": state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: answer))
    calls = Calls(JobState.RUNNING)

    async def kill(owner):
        SharedWatch.of("c")._control = SimpleNamespace(jobs=calls, platform=SILENT)
        await job_trigger(owner=owner).on_kill()

    asyncio.run(kill(OWNER.as_json()))
    assert [job_id for job_id, _ in calls.terminated] == [7] * is_ended
    asyncio.run(kill(None))
    assert len(calls.terminated) == is_ended


def test_what_on_kill_began_goes_on_when_airflow_cancels_it(monkeypatch):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from dcluster_provider.triggers import owned

    asked, answered, calls = threading.Event(), threading.Event(), Calls(JobState.RUNNING)

    def get_task_states(**_):
        asked.set()
        answered.wait(10)
        return {"run": {"task": "failed"}}

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))

    async def kill() -> None:
        SharedWatch.of("c")._control = SimpleNamespace(jobs=calls, platform=SILENT)
        killing = asyncio.create_task(job_trigger(owner=OWNER.as_json()).on_kill())
        await asyncio.to_thread(asked.wait, 10)
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        answered.set()
        await asyncio.gather(*owned._endings)

    asyncio.run(asyncio.wait_for(kill(), 20))
    assert [job_id for job_id, _ in calls.terminated] == [7]
