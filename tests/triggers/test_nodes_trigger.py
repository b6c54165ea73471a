"""The trigger of nodes: what is stored of it, when it fires, and what it gives back."""

from __future__ import annotations

import asyncio
import importlib
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from memory_nodes import MemoryCloud, MemoryCluster

from dcluster_provider.control.nodes.drainer import LEFT
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import CloudUnavailable, NodesFailed, WaitTimeout
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.machines import MachineState
from dcluster_provider.operators.node import finished_progress
from dcluster_provider.registry.store import Registry
from dcluster_provider.triggers import owned
from dcluster_provider.triggers.nodes import NodesTrigger

REQUEST = {"node_count": 2, "instance_type": "small"}
OWNER = Owner("airflow", "dag", "run", "task")


class Use:
    """The use cases that a trigger is given."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud(MemoryCluster())


@pytest.fixture
def nodes(tmp_path, cloud) -> Nodes:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    settings = settings_for_local(tmp_path, tmp_path, url, nodes=NodeSettings(cloud="ec2"))
    return Nodes(Registry(url), cloud, cloud.cluster, settings)


def launch(**more) -> NodesTrigger:
    return NodesTrigger("c", "launch", REQUEST, "key", 0.01, **more)


def event_of(trigger: NodesTrigger, nodes: Nodes, monkeypatch) -> dict:
    async def control():
        return Use(nodes)

    monkeypatch.setattr(trigger, "control", control)

    async def first():
        events = trigger.run()
        event = await anext(events)
        await events.aclose()
        return event.payload

    return asyncio.run(asyncio.wait_for(first(), HANG_SECONDS))


def test_it_survives_being_stored():
    path, arguments = launch(deadline=123.0, owner=OWNER.as_json()).serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**arguments)
    assert again.serialize() == (path, arguments)


def test_it_fires_once_every_node_is_ready(nodes, cloud, monkeypatch):
    cloud.starts = MachineState.STARTING
    nodes.launch(REQUEST, "key")
    looks = []

    def run_at_the_third(method: str) -> None:
        looks.append(method)
        if looks.count("machines") == 3:
            cloud.run()

    cloud.before = run_at_the_third
    event = event_of(launch(), nodes, monkeypatch)
    assert finished_progress(event)["ids"] == ["m-0000", "m-0001"]
    assert looks.count("machines") >= 3


def test_in_the_triggerer_it_fires_when_the_worker_has_left(nodes, monkeypatch):
    monkeypatch.setattr(owned, "_WORKER_LEAVES_SECONDS", 0.3)
    nodes.launch(REQUEST, "key")
    trigger = launch()
    trigger.trigger_id = 5
    begun = time.monotonic()
    event_of(trigger, nodes, monkeypatch)
    assert time.monotonic() - begun >= 0.3


def test_machines_that_end_fail_the_task_with_the_clouds_reason(nodes, cloud, monkeypatch):
    nodes.launch(REQUEST, "key")
    cloud.terminate(["m-0001"], "here-1")
    event = event_of(launch(), nodes, monkeypatch)
    with pytest.raises(NodesFailed, match="m-0001: GONE User initiated"):
        finished_progress(event)


def test_a_deadline_that_passes_is_told_with_how_far_it_got(nodes, cloud, monkeypatch):
    cloud.starts = MachineState.STARTING
    nodes.launch(REQUEST, "key")
    event = event_of(launch(deadline=time.time() - 1), nodes, monkeypatch)
    with pytest.raises(WaitTimeout, match="2 of 2 nodes: 2 starting"):
        finished_progress(event)


def test_a_cloud_that_is_silent_for_a_moment_is_asked_again_and_not_for_ever(nodes, cloud, monkeypatch):
    nodes.launch(REQUEST, "key")
    asked = []

    def silent_at_first(method: str) -> None:
        asked.append(method)
        cloud.fails = {"machines"} if asked.count("machines") < 4 else set()

    cloud.before = silent_at_first
    assert event_of(launch(), nodes, monkeypatch)["cause"] == "finished"
    cloud.before, cloud.fails = lambda _name: None, {"machines"}
    with pytest.raises(CloudUnavailable):
        event_of(launch(), nodes, monkeypatch)


def test_destroyed_machines_are_told_with_what_was_left(nodes, cloud, monkeypatch):
    cloud.add("m-mine")
    cloud.add("m-theirs", deployment="another")
    request = {"node_ids": ["m-mine", "m-theirs"]}
    event = event_of(NodesTrigger("c", "destroy", request, "", 0.01), nodes, monkeypatch)
    progress = finished_progress(event)
    assert progress["released"] == ["m-mine"]
    assert list(progress["left"]) == ["m-theirs"]
    assert cloud.live() == {"m-theirs"}


def test_a_node_that_an_earlier_try_has_left_is_tried_again(nodes, cloud, monkeypatch):
    cloud.add("m-1")
    now = datetime.now(timezone.utc)
    node = cloud.cluster.by_name["node-m-1"]
    cloud.cluster.by_name[node.name] = replace(node, annotations={LEFT: f"{now.isoformat()} not empty"})

    def destroy(begun):
        trigger = NodesTrigger("c", "destroy", {"node_ids": ["m-1"]}, "", 0.01, begun=begun.isoformat())
        return finished_progress(event_of(trigger, nodes, monkeypatch))

    assert destroy(now - timedelta(seconds=1))["left"] == {"m-1": "not empty"}
    assert destroy(now + timedelta(seconds=1))["released"] == ["m-1"]


@pytest.mark.parametrize(("state", "left"), [("failed", 0), ("deferred", 2)])
def test_a_person_who_ends_the_task_gets_its_machines_given_back(nodes, cloud, monkeypatch, state, left):
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = staticmethod(lambda **_: {"run": {"task": state}})
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", states)
    nodes.launch(REQUEST, "key")
    trigger = launch(owner=OWNER.as_json())

    async def control():
        return Use(nodes)

    monkeypatch.setattr(trigger, "control", control)
    asyncio.run(trigger.on_kill())
    assert len(cloud.live()) == left
