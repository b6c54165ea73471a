from __future__ import annotations

from dataclasses import replace

from dcluster_provider.core.identity import Attempt
from dcluster_provider.registry.store import Registry


def test_tries_find_the_epoch_that_one_of_them_began(registry, owner):
    first = registry.epochs.assign(owner, Attempt(1, 2, 2))
    assert registry.epochs.assign(owner, Attempt(2, 2, 2)) == first == replace(owner, epoch=1)
    cleared = registry.epochs.assign(owner, Attempt(3, 4, 2))
    assert registry.epochs.assign(owner, Attempt(4, 4, 2)) == cleared == replace(owner, epoch=3)
    assert registry.epochs.assign(owner, Attempt(2, 2, 2)) == first
    assert len({owner.key, first.key, cleared.key}) == 3


def test_owners_that_differ_in_anything_have_epochs_of_their_own(registry, owner):
    registry.epochs.assign(owner, Attempt(1, 2, 2))
    for other in ("deployment", "dag_id", "run_id", "task_id"):
        assert registry.epochs.assign(replace(owner, **{other: "other"}), Attempt(2, 2, 2)).epoch == 2
    assert registry.epochs.assign(replace(owner, map_index=0), Attempt(2, 2, 2)).epoch == 2
    assert registry.epochs.assign(owner, Attempt(2, 2, 2)).epoch == 1


def test_processes_that_begin_an_epoch_at_once_begin_one(registry_url, owner, in_processes):
    def begin(_number: int) -> int:
        return Registry(registry_url).epochs.assign(owner, Attempt(1, 0, 0)).epoch

    assert in_processes(4, begin) == [1] * 4
