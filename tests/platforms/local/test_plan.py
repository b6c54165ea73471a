"""The workers of a cluster that is resized."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_platform import make_cluster

from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import make_plan, read_plan, resize_plan


@pytest.fixture
def place(tmp_path):
    cluster = make_cluster(workers=2, maxWorkers=9)
    place = ClusterPlace(tmp_path, cluster.name)
    make_plan(place, cluster, LocalEngine("spark", "3.5.9", Path("python"), tmp_path, Path("java"), 17), {})
    return place


def roles(place) -> tuple[list[int], list[int]]:
    """The numbers of the workers that stand, and of those that have to go."""
    plan = read_plan(place)
    names = (plan.worker_roles, plan.retired_roles)
    return tuple([int(name.removeprefix("worker-")) for name in some] for some in names)


def test_the_newest_workers_go_and_none_comes_back(place):
    assert roles(place) == ([0, 1], [])
    for number, (workers, expected) in enumerate([
        (4, ([0, 1, 2, 3], [])),
        (4, ([0, 1, 2, 3], [])),
        (1, ([0], [1, 2, 3])),
        (3, ([0, 4, 5], [1, 2, 3])),
        (2, ([0, 4], [1, 2, 3, 5])),
    ]):  # fmt: skip
        assert resize_plan(place, workers, asked(number)) == read_plan(place)
        assert roles(place) == expected


def asked(minute: int) -> str:
    """A request of this minute."""
    return f"2026-01-31T10:{minute:02}:00+00:00"


def ends(place, role: str) -> None:
    """Have the process of a role end by itself."""
    folder = place.process(role).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exit.json").write_text('{"code": 137}')


def test_workers_that_have_ended_are_replaced_once_for_each_request(place):
    ends(place, "worker-0")
    resize_plan(place, 1, asked(1))
    assert roles(place) == ([1], [0]), "the healthy one stays"
    resize_plan(place, 2, asked(2))
    assert roles(place) == ([1, 2], [0])
    ends(place, "worker-2")
    resize_plan(place, 2, asked(2))
    assert roles(place) == ([1, 2], [0]), "nothing is started again and again"
    resize_plan(place, 2, asked(3))
    assert roles(place) == ([1, 3], [0, 2])


def test_a_request_that_comes_late_changes_nothing_and_what_it_has_changed_is_put_right(place):
    resize_plan(place, 3, asked(2))
    resize_plan(place, 1, asked(1))
    assert roles(place) == ([0, 1, 2], [])
    resize_plan(place, 2, "")
    assert roles(place) == ([0, 1], [2])
    resize_plan(place, 2, "")
    assert roles(place) == ([0, 1], [2])


def test_a_cluster_that_has_gone_has_no_plan_to_change(tmp_path):
    assert resize_plan(ClusterPlace(tmp_path, "gone"), 3, asked(1)) is None
