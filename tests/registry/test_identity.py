"""The id of a registry, by which its clusters are told from another registry's, and the epochs of tasks."""

from __future__ import annotations

import shutil
from dataclasses import replace

from sqlalchemy import create_engine, select

from dcluster_provider.core.identity import Attempt
from dcluster_provider.core.record import EXTERNAL
from dcluster_provider.registry.migrations import migrate
from dcluster_provider.registry.models import cluster_table
from dcluster_provider.registry.store import Registry


def test_those_who_open_a_registry_first_at_once_give_it_one_id(registry_url, in_processes):
    (registry_id,) = set(in_processes(4, lambda _: Registry(registry_url).id))
    assert registry_id
    assert Registry(registry_url).id == registry_id


def test_everything_is_claimed_in_the_registry_it_is_asked_of(registry, claim_cluster, claim_job):
    cluster, job = claim_cluster(registry).record, claim_job(registry).record
    assert {cluster.registry_id, job.registry_id} == {registry.id}
    assert registry.clusters.get(cluster.id) == cluster
    assert registry.jobs.get(job.id) == job


def test_a_copy_made_before_the_first_claim_is_another_registry(tmp_path):
    template, copy = tmp_path / "template.db", tmp_path / "copy.db"
    migrate(f"sqlite:///{template}")
    shutil.copy(template, copy)
    assert Registry(f"sqlite:///{template}").id != Registry(f"sqlite:///{copy}").id


def test_the_same_request_is_another_one_in_another_registry(tmp_path, claim_cluster, claim_job):
    registries = [Registry(f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "two")]
    for claim in (claim_cluster, claim_job):
        one, two = (claim(registry).record for registry in registries)
        assert (one.key, one.id) == (two.key, two.id)
        assert one.platform_key != two.platform_key


def test_only_an_external_cluster_of_before_comes_to_the_registry(registry, registry_url, claim_cluster):
    ours = claim_cluster(registry, key="ours").record
    theirs = claim_cluster(registry, key="theirs", platform=EXTERNAL).record
    engine = create_engine(registry_url, future=True)
    with engine.begin() as connection:  # as they were stored before registries had ids
        connection.execute(cluster_table.update().values(registry_id=""))
        connection.exec_driver_sql("DELETE FROM dcluster_registry")
    made = Registry(registry_url).id
    with engine.connect() as connection:
        stored = dict(connection.execute(select(cluster_table.c.id, cluster_table.c.registry_id)).all())
    engine.dispose()
    assert stored == {ours.id: "", theirs.id: made}


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
