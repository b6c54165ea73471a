"""An order that is launched by a process that dies, or by two at once: the same machines, none twice, none left."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from hanging import HANG_SECONDS
from nodes.gke import orders
from nodes.gke.fake_google import PROJECT, REGION, Problem
from nodes.gke.orders import MARK, MAX_LOOKS, order, settle

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.nodes.gke import naming

if TYPE_CHECKING:
    from nodes.gke.world import Servers, World

N2, E2, B, C = "n2-standard-4", "e2-standard-4", "europe-west1-b", "europe-west1-c"
WANTED = order(3, N2, E2)


class Killed(BaseException):
    """The process is gone: nothing of it may go on."""


class Mortal:
    """The calls of the APIs, at one of which the caller dies.

    :param at: the number of the call, from 0; none lets it live.
    :param after: whether Google gets the call all the same.
    :param pause: instead of dying, wait for the first event after setting the second.
    """

    def __init__(
        self, api: Any, at: int | None, *, after: bool = False, pause: tuple[Event, Event] | None = None
    ):
        self._api, self._at, self._after, self._pause = api, at, after, pause
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._api, name)

        def call(*args: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if number != self._at:
                return method(*args)
            if self._pause:
                go_on, reached = self._pause
                reached.set()
                assert go_on.wait(HANG_SECONDS)
                return method(*args)
            if self._after:
                method(*args)
            raise Killed

        return call


# What a zone still has: the second zone has to help, or the second kind of machine, too.
ZONE_SHORT = {(N2, B): 1}
KIND_SHORT = {(N2, B): 1, (N2, C): 1}


def short(servers: Servers, capacity: dict[tuple[str, str], int]) -> World:
    world = servers.new_world()
    world.google.capacity = dict(capacity)
    return world


def undisturbed(servers: Servers, capacity: dict[tuple[str, str], int]) -> tuple[set[str], list[str], int]:
    world = short(servers, capacity)
    mortal = Mortal(world.api(), None)
    settle(world.cloud(mortal), WANTED)
    return world.alive(), sorted(world.google.made), mortal.calls


def points(count: int, of: int) -> list[tuple[int, bool]]:
    """Seeded calls to die at, before or after Google gets them."""
    every = [(at, after) for at in range(of) for after in (False, True)]
    return sorted(random.Random(6).sample(every, count))


@pytest.mark.parametrize(("capacity", "count"), [(ZONE_SHORT, 40), (KIND_SHORT, 10)])
def test_a_launch_that_dies_anywhere_is_gone_on_with(servers, capacity, count):
    alive, made, calls = undisturbed(servers, capacity)
    assert len(alive) == 3
    for at, after in points(count, calls):
        world = short(servers, capacity)
        with pytest.raises(Killed):
            settle(world.cloud(Mortal(world.api(), at, after=after)), WANTED)
        machines = settle(world.cloud(), WANTED)
        assert world.alive() == alive, (at, after)
        assert {it.provider_id.removeprefix(f"gce://{PROJECT}/") for it in machines} == alive, (at, after)
        assert sorted(world.google.made) == made, (at, after)


def test_a_give_back_that_dies_anywhere_is_gone_on_with(servers):
    def release(world: World, api: Any = None) -> None:
        cloud = world.cloud(api)
        cloud.terminate([it.id for it in cloud.machines(REGION, mark=MARK)], REGION)

    for at in range(60):
        world = servers.new_world()
        world.google.add_vm("bystander", B)
        for candidate, zone in enumerate((B, C)):
            labels = naming.pool_labels("airflow", WANTED, candidate)
            world.google.add_pool(naming.pool_name(MARK, candidate), labels, 2, [zone])
        died = False
        try:
            release(world, Mortal(world.api(), at, after=at % 2 == 0))
        except Killed:
            died = True
        for _ in range(MAX_LOOKS):
            if not world.google.pools:
                break
            release(world)
        assert world.google.pools == {}, at
        assert set(world.google.snapshot()) == {f"{B}/bystander"}
        if not died:
            break
    assert 15 < at < 59


@pytest.mark.parametrize(("capacity", "stride"), [(ZONE_SHORT, 3), (KIND_SHORT, 11)])
def test_two_at_once_however_they_meet_launch_the_same_machines(servers, capacity, stride):
    """One is stopped at a call, and goes on with what it has seen when the other has all machines."""
    alive, _, calls = undisturbed(servers, capacity)
    for at in range(0, calls, stride):
        world = short(servers, capacity)
        go_on, reached = Event(), Event()
        slow = world.cloud(Mortal(world.api(), at, pause=(go_on, reached)))
        thread = Thread(target=settle, args=(slow, WANTED))
        thread.start()
        assert reached.wait(HANG_SECONDS)
        settle(world.cloud(), WANTED)
        world.google.capacity = {}  # what was short is to be had again
        go_on.set()
        thread.join(HANG_SECONDS)
        assert not thread.is_alive()
        assert world.alive() == alive, at


def test_four_at_once_launch_the_same_machines(servers):
    alive, _, _ = undisturbed(servers, KIND_SHORT)
    for _ in range(2):
        world = short(servers, KIND_SHORT)
        clouds = [world.cloud() for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda cloud: settle(cloud, WANTED), clouds))
        assert world.alive() == alive
        assert len({frozenset(it.id for it in machines) for machines in found}) == 1


def test_a_process_that_is_killed_while_google_does_what_it_asked_for(servers):
    alive, made, _ = undisturbed(servers, KIND_SHORT)
    world = short(servers, KIND_SHORT)
    children: list[subprocess.Popen[bytes]] = []

    def kill(called: str) -> None:
        if called == "instanceGroupManagers.createInstances":
            children[0].kill()
            children[0].wait()

    world.before_answer.append(kill)
    endpoints = (world.settings.container_endpoint, world.settings.compute_endpoint)
    command = [sys.executable, str(Path(orders.__file__)), *endpoints, N2, E2]
    children.append(subprocess.Popen(command))
    assert children[0].wait(HANG_SECONDS) == -9
    world.before_answer.clear()
    settle(world.cloud(), WANTED)
    assert world.alive() == alive
    assert sorted(world.google.made) == made


def test_an_answer_that_is_lost_is_no_second_launch(servers):
    world = servers.new_world()
    lost: list[str] = []

    def fail(called: str) -> None:
        if called in {"CreateNodePool", "instanceGroupManagers.createInstances"} and called not in lost:
            lost.append(called)
            raise Problem("UNAVAILABLE", "The service is currently unavailable.")

    world.before_answer.append(fail)
    with pytest.raises(CloudUnavailable, match="asking again may work"):
        world.cloud().launch(WANTED)
    settle(world.cloud(), WANTED)
    assert len(lost) == 2
    assert len(world.google.made) == len(world.alive()) == 3
