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
    for workers, expected in [
        (4, ([0, 1, 2, 3], [])),
        (4, ([0, 1, 2, 3], [])),
        (1, ([0], [1, 2, 3])),
        (3, ([0, 4, 5], [1, 2, 3])),
        (2, ([0, 4], [1, 2, 3, 5])),
    ]:
        assert resize_plan(place, workers) == read_plan(place)
        assert roles(place) == expected


def test_a_cluster_that_has_gone_has_no_plan_to_change(tmp_path):
    assert resize_plan(ClusterPlace(tmp_path, "gone"), 3) is None
