"""Eight processes at once on one database, and processes that die at any statement."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dcluster_provider.core.errors import DuplicateJob, StaleRecord
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry.migrations import HEAD
from dcluster_provider.registry.store import Registry

PROCESSES = 8
ROUNDS = 15


def test_processes_that_ask_with_one_key_get_one_cluster(registry_url, in_processes, claim_cluster):
    def work(_number):
        registry = Registry(registry_url)
        return [claim_cluster(registry, key=f"key {turn}") for turn in range(ROUNDS)]

    answers = in_processes(PROCESSES, work)
    for turn in range(ROUNDS):
        claims = [answer[turn] for answer in answers]
        assert len({claim.record for claim in map(_hashable, claims)}) == 1
        assert sum(claim.created for claim in claims) == 1
    assert len(Registry(registry_url).clusters.list()) == ROUNDS


def _hashable(claim):
    return claim._replace(record=(claim.record.id, claim.record.name, claim.record.generation))


def test_processes_that_ask_with_many_keys_get_clusters_of_different_names(
    registry_url, in_processes, claim_cluster
):
    def work(number):
        registry = Registry(registry_url)
        return [claim_cluster(registry, key=f"{number} {turn}") for turn in range(ROUNDS)]

    claims = [claim for answer in in_processes(PROCESSES, work) for claim in answer]
    assert all(claim.created for claim in claims)
    assert len({claim.record.name for claim in claims}) == PROCESSES * ROUNDS


def test_no_save_is_lost(registry_url, in_processes, claim_cluster, claim_job):
    registry = Registry(registry_url)
    cluster = claim_cluster(registry).record
    job = claim_job(registry, cluster_id=cluster.id).record

    def count_up(read, save, field):
        while True:
            record = read()
            try:
                return save(replace(record, **{field: (getattr(record, field) or 0) + 1}))
            except StaleRecord:
                continue

    def work(_number):
        own = Registry(registry_url)
        for _ in range(ROUNDS):
            count_up(lambda: own.clusters.get(cluster.id), own.clusters.save, "workers_ready")
            count_up(lambda: own.jobs.get(job.id), own.jobs.save, "exit_code")

    in_processes(PROCESSES, work)
    saves = PROCESSES * ROUNDS
    after = registry.clusters.get(cluster.id)
    assert (after.workers_ready, after.version) == (saves, saves + 1)
    done = registry.jobs.get(job.id)
    assert (done.exit_code, done.version) == (saves, saves + 1)


def test_of_many_jobs_of_one_client_and_module_one_is_taken(registry_url, in_processes, claim_job):
    def work(number):
        registry = Registry(registry_url)
        taken = 0
        for turn in range(ROUNDS):
            try:
                claim_job(registry, key=f"{number} {turn}", module=f"module {turn}", allow_duplicate=False)
                taken += 1
            except DuplicateJob:
                pass
        return taken

    assert sum(in_processes(PROCESSES, work)) == ROUNDS
    jobs = Registry(registry_url).jobs.list()
    assert sorted(job.module for job in jobs) == sorted(f"module {turn}" for turn in range(ROUNDS))


def test_generations_follow_each_other_without_a_gap(registry_url, in_processes, claim_job):
    def work(_number):
        registry = Registry(registry_url)
        for _ in range(ROUNDS):
            job = claim_job(registry).record
            try:
                registry.jobs.save(replace(job, state=JobState.FAILED))
            except StaleRecord:
                continue

    in_processes(PROCESSES, work)
    jobs = Registry(registry_url).jobs.list()
    assert [job.generation for job in jobs] == list(range(len(jobs), 0, -1))
    assert all(job.state is JobState.FAILED for job in jobs[1:])


def test_everything_at_once(registry_url, in_processes, claim_cluster, claim_job):
    def work(number):
        registry = Registry(registry_url)
        for turn in range(ROUNDS):
            cluster = claim_cluster(registry, key=f"{number} {turn}").record
            job = claim_job(
                registry, key=f"{number} {turn}", module=str(number), cluster_id=cluster.id
            ).record
            registry.jobs.touch_clusters(job.created_at)
            registry.jobs.list(states=[JobState.REQUESTED])
            registry.jobs.save(replace(job, state=JobState.SUCCEEDED))
            registry.clusters.save(replace(cluster, state=ClusterState.TERMINATED))

    in_processes(PROCESSES, work)
    registry = Registry(registry_url)
    assert len(registry.jobs.list(states=[JobState.SUCCEEDED])) == PROCESSES * ROUNDS
    assert len(registry.clusters.list(states=[ClusterState.TERMINATED])) == PROCESSES * ROUNDS
    assert len(registry.events.list()) == 100


def _killed_at(statement: int, work) -> bool:
    """Call the function in a process that is killed just before its n-th statement or its commit; was it?"""

    def run() -> None:
        seen = 0

        def die_in_time(*_arguments) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", die_in_time)
        event.listen(Engine, "commit", die_in_time)
        work()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def test_process_killed_in_a_claim_leaves_nothing_half_done(registry_url, claim_cluster, claim_job):
    registry = Registry(registry_url)
    registry.describe()
    statement = 1
    while _killed_at(statement, lambda: claim_cluster(Registry(registry_url))):
        assert registry.clusters.list() == []
        assert registry.events.list() == []
        statement += 1
    assert statement > 5
    assert claim_cluster(registry).created is False
    cluster = registry.clusters.list()[0]
    before = registry.events.list()
    statement = 1
    while _killed_at(statement, lambda: claim_job(Registry(registry_url), cluster_id=cluster.id)):
        assert registry.jobs.list() == []
        assert registry.events.list() == before
        statement += 1
    assert claim_job(registry).created is False
    statement = 1
    change = replace(cluster, state=ClusterState.RUNNING)
    while _killed_at(statement, lambda: Registry(registry_url).clusters.save(change)):
        assert registry.clusters.get(cluster.id) == cluster
        statement += 1
    assert registry.clusters.get(cluster.id) == replace(change, version=2)


@pytest.mark.parametrize("part", range(4))
def test_process_killed_in_the_first_migration_leaves_a_usable_database(part, registry_url, claim_cluster):
    """The migration's statements are spread over the parts; each kill begins with what the one before left."""
    statement = part + 1
    while _killed_at(statement, lambda: Registry(registry_url).describe()):
        statement += 4
    assert statement > 20
    registry = Registry(registry_url)
    assert claim_cluster(registry).created
    assert registry.describe().endswith(f"(schema {HEAD})")


def test_processes_that_start_at_once_on_an_empty_database_migrate_it_once(
    registry_url, in_processes, claim_cluster
):
    claims = in_processes(PROCESSES, lambda _number: claim_cluster(Registry(registry_url)))
    assert sum(claim.created for claim in claims) == 1
