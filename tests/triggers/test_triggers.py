"""The triggers: what is stored of them, when they fire, and what they end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import threading
import time
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.control.observation_errors import Unobservable
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.diagnosis.admission import AdmissionCode
from dcluster_provider.triggers import owned
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

CLUSTER = Cluster(
    id=7,
    name="spark3-dev-c-1",
    key="k",
    generation=1,
    version=1,
    deployment="airflow",
    conn_id="c",
    platform="local",
    spec=ClusterSpec(tenant="c"),
    owner=OWNER,
    state=ClusterState.RUNNING,
    created_at=NOW,
    state_since=NOW,
    last_used_at=NOW,
)

SILENT = SimpleNamespace(log_pause=0.0, on_change=lambda told: lambda: None)


class Calls:
    """One job, in the states of a list, one for each look; the last one stays."""

    def __init__(self, *states, log_text="hello\n", log_is_cut=False, troubles=None):
        self.states = list(states)
        self.troubles = troubles
        self.log_text = log_text
        self.log_is_cut = log_is_cut
        self.terminated = []
        self.hints = []

    def observe(self, ids):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        hint = self.hints.pop(0) if self.hints else None
        return {number: replace(JOB, id=number, state=state, diagnosis=hint) for number in ids}

    def get(self, job_id):
        return replace(JOB, id=job_id, state=self.states[0])

    def unobservable(self, record):
        return None if self.troubles is None else self.troubles.pop(0)

    def read_logs(self, wanted, most):
        return tuple(
            LogPart(self.log_text, start + len(self.log_text), self.log_is_cut) for _, start in wanted
        )

    def terminate(self, job_id, actor):
        self.terminated.append((job_id, actor))
        if len(self.states) == 1:
            self.states = [JobState.KILLED]
        return replace(JOB, state=self.states[0])


class Clusters(Calls):
    """The same of one cluster."""

    def observe(self, ids):
        return {number: self.get(number) for number in ids}

    def get(self, cluster_id):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return replace(CLUSTER, id=cluster_id, state=state)

    def terminate(self, cluster_id, actor, asked_by):
        self.terminated.append((cluster_id, actor))
        return replace(CLUSTER, state=ClusterState.TERMINATING)


def control_of(calls):
    return SimpleNamespace(jobs=calls, clusters=Clusters(ClusterState.RUNNING), platform=SILENT)


def job_trigger(**more):
    return JobTrigger("c", 7, ["SUCCEEDED"], 0.01, **more)


def listen_to(trigger):
    """What the trigger logs from now on."""
    told = []
    trigger._log = SimpleNamespace(info=lambda text, *words: told.append(text % words))
    return told


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
    event = fire(job_trigger(log_start=0), Calls(JobState.RUNNING, JobState.SUCCEEDED))
    del event["lines"]
    assert event == {"cause": "state", "id": 7, "state": "SUCCEEDED", "log_end": 12, "log_is_cut": False}


def test_it_says_whether_the_task_has_to_read_the_rest_of_the_log():
    event = fire(job_trigger(log_start=0), Calls(JobState.SUCCEEDED, log_is_cut=True))
    assert (event["log_end"], event["log_is_cut"]) == (6, True)


def test_the_lines_of_the_last_two_looks_go_with_the_event_and_those_before_to_the_log():
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    event = fire(trigger, Calls(JobState.SUBMITTED, JobState.RUNNING, JobState.SUCCEEDED))
    assert [line for line in told if "hello" in line] == ["  | hello"]
    assert "SUBMITTED" in told[-1]
    before, started, last, ended = event["lines"]
    assert before == last == "  | hello"
    assert "SUBMITTED -> RUNNING" in started
    assert "RUNNING -> SUCCEEDED" in ended


def test_why_nothing_is_seen_is_told_once():
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    unobservable = Unobservable(PlatformUnavailable("the API server restarts"), 0.0, None)
    running = [JobState.RUNNING] * 4
    calls = Calls(*running, JobState.SUCCEEDED, troubles=[None, unobservable, unobservable, *[None] * 9])
    lines = told + fire(trigger, calls)["lines"]
    assert [line for line in lines if "restarts" in line] == [
        "The state is unknown now: the API server restarts; the wait continues"
    ]
    assert lines.count("  | hello") == 3, "a log was read of what cannot be seen"


def test_why_there_is_no_progress_is_told_once_for_each_reason():
    trigger = job_trigger(log_start=None)
    told = listen_to(trigger)
    why = Diagnosis(AdmissionCode.QUOTA_EXCEEDED, "The quota is used up.", "End something.")
    calls = Calls(*[JobState.RUNNING] * 4, JobState.SUCCEEDED)
    calls.hints = [None, why, why, replace(why, code=JobCode.MAIN_ENDED, cause="Its main has ended."), None]
    lines = told + fire(trigger, calls)["lines"]
    stuck = [line for line in lines if "RUNNING, and makes no progress" in line]
    assert ["quota is used up" in line for line in stuck] == [True, False]


def test_an_event_carries_no_more_lines_than_a_database_keeps():
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    text = "".join(f"{number} {100 * 'ä'}\n" for number in range(1000))
    lines = fire(trigger, Calls(JobState.SUCCEEDED, log_text=text))["lines"]
    assert 20_000 < len(json.dumps(lines)) < 25_000
    assert lines[-2].startswith("  | 999 ")
    assert [line.split()[1] for line in told + lines[:-1]] == [str(number) for number in range(1000)]


def test_lines_that_no_event_carries_are_logged_in_pieces_before_it(monkeypatch):
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    logged_at_pauses = []

    async def pause(seconds):
        logged_at_pauses.append((len(told), seconds))

    monkeypatch.setattr("dcluster_provider.triggers.task_log.asyncio.sleep", pause)
    trigger.trigger_id = 1
    trigger._held_lines = [f"{number:04} {100 * '.'}" for number in range(500)]
    event = asyncio.run(trigger._event("state", None, None))
    assert told + event.payload["lines"] == [f"{number:04} {100 * '.'}" for number in range(500)]
    counts = [count for count, _ in logged_at_pauses]
    assert all(after - before <= 100 for before, after in pairwise([0, *counts]))
    assert logged_at_pauses[-1] == (len(told), 1.0)


class Writer(Calls):
    """A job that has written a line more at every byte that is read of it, until it ends; its log goes with it."""

    def __init__(self, count, running_looks):
        super().__init__(*[JobState.RUNNING] * running_looks, JobState.SUCCEEDED)
        self.text = "".join(f"line {number}\n" for number in range(count))
        self.sizes = []

    def read_logs(self, wanted, most):
        parts = []
        for _, start in wanted:
            end = min(len(self.text), self.text.rfind("\n", start, start + most) + 1 or len(self.text))
            self.sizes.append(end - start)
            parts.append(LogPart(self.text[start:end], end, end < len(self.text), kept_at="/home on here"))
        return tuple(parts)


@pytest.mark.parametrize("running_looks", [0, 3])
def test_a_log_that_is_written_faster_than_it_is_passed_on_is_passed_on_whole(monkeypatch, running_looks):
    monkeypatch.setattr("dcluster_provider.triggers.dcluster._PIECE_SECONDS", 0.0)
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    writer = Writer(20_000, running_looks)
    event = fire(trigger, writer)
    passed = [line[4:] for line in told + event["lines"] if line.startswith("  | ")]
    assert passed == writer.text.splitlines()
    assert event["log_is_cut"] is False
    assert max(writer.sizes) <= 64 * 1024


def test_more_than_is_copied_of_a_log_after_the_end_is_told_with_its_place(monkeypatch):
    monkeypatch.setattr("dcluster_provider.triggers.dcluster._PIECE_SECONDS", 0.0)
    monkeypatch.setattr("dcluster_provider.triggers.dcluster._MAX_AFTER_END", 100_000)
    trigger = job_trigger(log_start=0)
    told = listen_to(trigger)
    event = fire(trigger, Writer(20_000, 0))
    (last,) = [line for line in told + event["lines"] if "continues after" in line]
    assert last.endswith("characters; all of it is in /home on here")
    assert event["log_is_cut"] is False


def test_what_was_held_back_is_told_when_the_wait_ends_otherwise():
    trigger = JobTrigger("c", 7, ["SUCCEEDED"], 60, log_start=0)
    told = listen_to(trigger)

    async def cancel():
        SharedWatch.of("c")._control = SimpleNamespace(
            jobs=Calls(JobState.RUNNING), clusters=Calls(JobState.RUNNING), platform=SILENT
        )
        waiting = asyncio.create_task(anext(trigger.run()))
        assert await asyncio.to_thread(wait_until, lambda: trigger._held_lines)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    asyncio.run(cancel())
    assert "  | hello" in told


def test_a_final_state_that_was_not_waited_for_ends_the_wait_too():
    assert fire(job_trigger(), Calls(JobState.FAILED))["state"] == "FAILED"


def test_its_own_deadline_fires():
    event = fire(job_trigger(deadline=time.time() + 0.1), Calls(JobState.RUNNING))
    assert (event["cause"], event["state"]) == ("timeout", "RUNNING")


@pytest.mark.parametrize("deadline", [None, 0.0])
def test_in_the_triggerer_it_fires_when_the_worker_has_left(monkeypatch, deadline):
    monkeypatch.setattr(owned, "_WORKER_LEAVES_SECONDS", 0.3)
    trigger = job_trigger(deadline=deadline)
    trigger.trigger_id = 5
    begun = time.monotonic()
    fire(trigger, Calls(JobState.SUCCEEDED))
    assert time.monotonic() - begun >= 0.3


def test_within_the_tasks_process_it_fires_at_once(monkeypatch):
    monkeypatch.setattr(owned, "_WORKER_LEAVES_SECONDS", 2 * HANG_SECONDS)
    assert fire(job_trigger(), Calls(JobState.SUCCEEDED))["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("state", "is_ended"),
    [
        ("failed", True),
        ("success", True),
        ("skipped", True),
        (None, True),
        ("scheduled", False),
        ("queued", False),
        ("deferred", False),
        ("running", False),
        ("up_for_retry", False),
    ],
)
def test_on_kill_ends_the_job_only_if_somebody_ended_its_task(monkeypatch, state, is_ended):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    answer = {"run": {"task": state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: answer))
    calls = Calls(JobState.RUNNING)

    async def kill(owner):
        SharedWatch.of("c")._control = control_of(calls)
        await job_trigger(owner=owner).on_kill()

    asyncio.run(kill(OWNER.as_json()))
    assert [job_id for job_id, _ in calls.terminated] == [7] * is_ended
    asyncio.run(kill(None))
    assert len(calls.terminated) == is_ended


@pytest.mark.parametrize(("state", "is_ended"), [("success", False), ("failed", True)])
def test_a_cluster_that_its_launch_has_succeeded_with_is_left_to_the_run(monkeypatch, state, is_ended):
    """A triggerer that stood still drops its trigger after another one has fired it and the task went on."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    answer = {"run": {"task": state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: answer))
    monkeypatch.setattr("dcluster_provider.triggers.dcluster._TERMINATION_POLL_INTERVAL", 0.01)
    clusters = Clusters(ClusterState.RUNNING, ClusterState.RUNNING, ClusterState.TERMINATED)

    async def kill():
        SharedWatch.of("c")._control = SimpleNamespace(
            jobs=Calls(JobState.RUNNING), clusters=clusters, platform=SILENT
        )
        await ClusterTrigger("c", 7, ["RUNNING"], 0.01, owner=OWNER.as_json()).on_kill()

    asyncio.run(asyncio.wait_for(kill(), HANG_SECONDS))
    assert bool(clusters.terminated) == is_ended


def test_on_kill_sees_out_what_it_has_ended(monkeypatch):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    monkeypatch.setattr("dcluster_provider.triggers.dcluster._TERMINATION_POLL_INTERVAL", 0.01)
    answer = {"run": {"task": "failed"}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: answer))
    calls = Calls(JobState.STOPPING, JobState.STOPPING, JobState.KILLED)

    async def kill():
        SharedWatch.of("c")._control = control_of(calls)
        await job_trigger(owner=OWNER.as_json()).on_kill()

    asyncio.run(asyncio.wait_for(kill(), HANG_SECONDS))
    assert calls.terminated
    assert calls.states == [JobState.KILLED]


def test_what_on_kill_began_goes_on_when_airflow_cancels_it(monkeypatch):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from dcluster_provider.triggers import owned

    asked, answered, calls = threading.Event(), threading.Event(), Calls(JobState.RUNNING)

    def get_task_states(**_):
        asked.set()
        answered.wait(HANG_SECONDS)
        return {"run": {"task": "failed"}}

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))

    async def kill() -> None:
        SharedWatch.of("c")._control = control_of(calls)
        killing = asyncio.create_task(job_trigger(owner=OWNER.as_json()).on_kill())
        await asyncio.to_thread(asked.wait, 10)
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        answered.set()
        await asyncio.gather(*owned._terminations)

    asyncio.run(asyncio.wait_for(kill(), HANG_SECONDS))
    assert [job_id for job_id, _ in calls.terminated] == [7]
