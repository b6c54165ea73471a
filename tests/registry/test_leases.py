"""A live job keeps its cluster, and a cluster that is being ended takes no job, whoever comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcluster_provider.core.errors import ClusterTerminating, NotFound
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry.store import Registry

PROCESSES = 8
ROUNDS = 20
RUN = ("daily", "manual__2026-03-29")
ENDING = [ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.FAILED]


@pytest.mark.parametrize("state", ENDING)
def test_a_cluster_that_is_ending_takes_no_new_job(registry, claim_cluster, claim_job, state):
    cluster = registry.clusters.save(replace(claim_cluster(registry).record, state=state))
    events = registry.events.list()
    with pytest.raises(ClusterTerminating, match=rf"cluster {cluster.id} .*is {state.value}"):
        claim_job(registry, cluster_id=cluster.id)
    assert registry.jobs.list() == []
    assert registry.events.list() == events


def test_the_job_that_answers_is_found_although_its_cluster_is_ending(registry, claim_cluster, claim_job):
    cluster = claim_cluster(registry).record
    job = claim_job(registry, cluster_id=cluster.id).record
    registry.clusters.save(
        replace(registry.clusters.get(cluster.id), state=ClusterState.TERMINATING, version=cluster.version)
    )
    assert claim_job(registry, cluster_id=cluster.id) == (job, False)


@pytest.mark.parametrize("state", [state for state in JobState if not state.is_final])
def test_a_live_job_keeps_its_cluster(registry, claim_cluster, claim_job, now, state):
    cluster = claim_cluster(registry).record
    job = registry.jobs.save(replace(claim_job(registry, cluster_id=cluster.id).record, state=state))
    before = registry.clusters.get(cluster.id)
    assert registry.clusters.terminate_if_idle(cluster.id, now) == (before, (job,))
    assert registry.clusters.get(cluster.id) == before


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
def test_ended_jobs_keep_nothing(registry, claim_cluster, claim_job, now, state):
    cluster = claim_cluster(registry).record
    registry.jobs.save(replace(claim_job(registry, cluster_id=cluster.id).record, state=state))
    ended, users = registry.clusters.terminate_if_idle(cluster.id, now, actor="check")
    assert (ended.state, ended.version, users) == (ClusterState.TERMINATING, cluster.version + 1, ())
    assert registry.clusters.get(cluster.id) == ended
    event = registry.events.list(cluster_id=cluster.id)[0]
    assert (event.action, event.actor) == ("TERMINATING", "check")


@pytest.mark.parametrize("state", ENDING)
def test_what_is_ending_already_stays_as_it_is(registry, claim_cluster, now, state):
    cluster = registry.clusters.save(replace(claim_cluster(registry).record, state=state))
    assert registry.clusters.terminate_if_idle(cluster.id, now) == (cluster, ())
    assert registry.clusters.get(cluster.id) == cluster


def test_jobs_of_the_run_that_asks_do_not_count(registry, claim_cluster, claim_job, now, owner):
    cluster = claim_cluster(registry).record
    claim_job(registry, cluster_id=cluster.id)
    other = claim_job(
        registry, key="2", cluster_id=cluster.id, module="2", owner=replace(owner, run_id="other")
    )
    person = claim_job(registry, key="3", cluster_id=cluster.id, module="3", owner=None)
    assert registry.clusters.terminate_if_idle(cluster.id, now, run=RUN).users == (
        person.record,
        other.record,
    )
    for job in (other, person):
        registry.jobs.save(replace(job.record, state=JobState.SUCCEEDED))
    assert (
        registry.clusters.terminate_if_idle(cluster.id, now, run=RUN).cluster.state
        is ClusterState.TERMINATING
    )


def test_an_unknown_cluster_is_not_found(registry, now):
    with pytest.raises(NotFound, match="no cluster 7"):
        registry.clusters.terminate_if_idle(7, now)


def test_claims_and_ends_at_once_never_both_succeed(registry_url, in_processes, claim_cluster, claim_job):
    registry = Registry(registry_url)
    clusters = [claim_cluster(registry, key=str(turn)).record for turn in range(ROUNDS)]

    def work(number):
        own = Registry(registry_url)
        done = []
        for cluster in clusters:
            key = f"{number} on {cluster.id}"
            if number % 2:
                done.append(not own.clusters.terminate_if_idle(cluster.id, cluster.created_at).users)
                continue
            try:
                claim_job(own, key=key, module=key, cluster_id=cluster.id)
                done.append(True)
            except ClusterTerminating:
                done.append(False)
            if done[-1]:
                job = own.jobs.latest_of_key(key)
                # What a job does while it lives goes on beside the others' claims and ends.
                own.jobs.save(replace(job, state=JobState.RUNNING))
        return done

    answers = in_processes(PROCESSES, work)
    for turn, cluster in enumerate(clusters):
        claimed = [answer[turn] for number, answer in enumerate(answers) if number % 2 == 0]
        ended = [answer[turn] for number, answer in enumerate(answers) if number % 2]
        is_ending = registry.clusters.get(cluster.id).state is ClusterState.TERMINATING
        assert all(claimed) is not is_ending
        assert any(claimed) is not is_ending
        assert all(ended) is is_ending
        assert any(ended) is is_ending


def test_one_that_is_being_ended_is_followed_when_asked_for(registry, claim_cluster):
    first = registry.clusters.save(replace(claim_cluster(registry).record, state=ClusterState.TERMINATING))
    assert claim_cluster(registry) == (first, False)
    second, created = claim_cluster(registry, replace_terminating=True)
    assert (created, second.generation, second.state) == (True, 2, ClusterState.REQUESTED)
    assert claim_cluster(registry, replace_terminating=True) == (second, False)
