from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import DuplicateJob, NotFound, StaleRecord
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry import jobs as jobs_module
from dcluster_provider.registry.rows import job_of
from dcluster_provider.registry.store import Registry

LIVE = [state for state in JobState if not state.is_final]
FINAL = [state for state in JobState if state.is_final]
DIAGNOSIS = Diagnosis(JobCode.FAILED, "It failed.", "Read the log.", ("exit 1",))


def test_new_claim_gives_a_requested_job(registry, claim_job, now, owner):
    job, created = claim_job(registry, cluster_id=7, owns_cluster=True, args=["a", 1], driver_mem_gb=4)
    assert created
    assert (job.state, job.generation, job.version) == (JobState.REQUESTED, 1, 1)
    assert (job.cluster_id, job.owns_cluster, job.owner) == (7, True, owner)
    assert job.created_at == job.state_since == now
    assert job.spec.args == ("a", "1")


def test_what_was_claimed_is_read_back_alike(registry, registry_url, claim_job):
    job = claim_job(
        registry, args=["ü", "$(x)"], extra_cmd='{"a": 1}', application="/x.py", num_workers=2
    ).record
    other = Registry(registry_url)
    assert other.jobs.get(job.id) == job
    assert other.jobs.get_many([job.id]) == [job]
    assert other.jobs.list() == [job]
    assert other.jobs.latest_of_key("key") == job
    assert other.jobs.find_duplicate("team", "report") == job
    assert other.jobs.get(job.id).as_json() == job.as_json()


@pytest.mark.parametrize("state", [*LIVE, JobState.SUCCEEDED, JobState.UNKNOWN])
def test_job_that_may_have_done_its_work_is_the_answer(registry, claim_job, state):
    job = registry.jobs.save(replace(claim_job(registry).record, state=state))
    assert claim_job(registry) == (job, False)
    assert len(registry.jobs.list()) == 1


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.KILLED])
def test_failed_job_is_followed_by_the_next_generation(registry, claim_job, state):
    first = registry.jobs.save(replace(claim_job(registry).record, state=state))
    second, created = claim_job(registry, cluster_id=2)
    assert created
    assert (second.generation, second.cluster_id) == (2, 2)
    assert registry.jobs.get(first.id) == first
    assert registry.jobs.latest_of_key("key") == second
    assert claim_job(registry) == (second, False)


@pytest.mark.parametrize("state", LIVE)
def test_live_job_of_the_same_client_and_module_is_a_duplicate(registry, claim_job, state):
    job = registry.jobs.save(replace(claim_job(registry).record, state=state))
    with pytest.raises(DuplicateJob) as raised:
        claim_job(registry, key="other", owner=None)
    message = str(raised.value)
    for part in (f"job {job.id}", state.value, "manual__2026-03-29", "Wait", "terminate"):
        assert part in message
    assert message.endswith("allow_duplicate=True")
    assert raised.value.for_api.endswith('"allowDuplicate": true')
    assert registry.jobs.list() == [job]
    assert registry.jobs.find_duplicate("team", "report") == job


@pytest.mark.parametrize("state", FINAL)
def test_ended_job_is_no_duplicate(registry, claim_job, state):
    registry.jobs.save(replace(claim_job(registry).record, state=state))
    assert registry.jobs.find_duplicate("team", "report") is None
    assert claim_job(registry, key="other").created


def test_another_client_or_module_is_no_duplicate(registry, claim_job):
    claim_job(registry)
    assert claim_job(registry, key="2", module="other").created
    assert claim_job(registry, key="3", client="other").created
    assert registry.jobs.find_duplicate("nobody", "report") is None


def test_duplicate_is_allowed_when_asked_for(registry, claim_job):
    claim_job(registry)
    duplicate = claim_job(registry, key="other", allow_duplicate=True)
    assert duplicate.created
    assert registry.jobs.find_duplicate("team", "report") == duplicate.record


@pytest.mark.parametrize(
    ("other", "spec", "is_refused"),
    [
        ({"run_id": "other"}, {}, False),
        ({"map_index": 3}, {}, False),
        ({"run_id": "other"}, {"allow_duplicate": False}, True),
        ({"task_id": "other"}, {}, True),
        ({"dag_id": "other"}, {}, True),
        ({"deployment": "other"}, {}, True),
        ({"task_id": "other"}, {"allow_duplicate": True}, False),
    ],
)
def test_only_runs_of_the_same_task_are_no_duplicates_of_each_other(
    claim_job, registry, other, spec, is_refused
):
    first = claim_job(registry).record
    owner = replace(first.owner, **other)
    with pytest.raises(DuplicateJob) if is_refused else nullcontext():
        claim_job(registry, key="other", owner=owner, deployment=owner.deployment, **spec)
    assert len(registry.jobs.list()) == 2 - is_refused


def test_retry_of_a_failed_job_respects_another_live_one(registry, claim_job):
    registry.jobs.save(replace(claim_job(registry).record, state=JobState.FAILED))
    claim_job(registry, key="other", owner=None)
    with pytest.raises(DuplicateJob):
        claim_job(registry)


@pytest.mark.parametrize("number", [4711, 0, -1, 2**40, 10**30])
def test_unknown_id_is_named_with_what_to_do(registry, number):
    with pytest.raises(NotFound, match=rf"no job {number}; .*airflow dcluster jobs list"):
        registry.jobs.get(number)
    assert registry.jobs.get_many([number]) == []


def test_lists_are_filtered_and_paged_newest_first(registry, claim_job):
    for number in range(6):
        job = claim_job(
            registry,
            key=str(number),
            client=f"team{number % 2}",
            module=f"m{number // 3}",
            cluster_id=number // 2,
            allow_duplicate=True,
        ).record
        if number < 4:
            registry.jobs.save(replace(job, state=JobState.RUNNING))

    def ids(**filters):
        return [job.id for job in registry.jobs.list(**filters)]

    assert ids() == [6, 5, 4, 3, 2, 1]
    assert ids(limit=2, after_id=5) == [4, 3]
    assert ids(states=[JobState.RUNNING], limit=2) == [4, 3]
    assert ids(states=[JobState.RUNNING, JobState.REQUESTED], after_id=6, limit=3) == [5, 4, 3]
    assert ids(states=[]) == []
    assert ids(client="team0") == [5, 3, 1]
    assert ids(client="team0", module="m0") == [3, 1]
    assert ids(client="team1", states=[JobState.RUNNING]) == [4, 2]
    assert ids(cluster_id=2) == [6, 5]
    assert ids(cluster_id=1, states=[JobState.RUNNING], client="team1") == [4]


def test_live_jobs_of_older_epochs(registry, claim_job, owner):
    def claim(key, state=JobState.RUNNING, **changes):
        job = claim_job(registry, key=key, allow_duplicate=True, owner=replace(owner, **changes)).record
        return registry.jobs.save(replace(job, state=state))

    first = claim("0", epoch=0)
    second = claim("1", epoch=1, state=JobState.STOPPING)
    claim("present", epoch=2)
    claim("ended", epoch=1, state=JobState.UNKNOWN)
    claim("other task", task_id="other")
    claim("other index", map_index=3)
    assert registry.jobs.live_of_older_epochs(replace(owner, epoch=2)) == [second, first]


def test_save_keeps_what_changed(registry, claim_job, now):
    job = claim_job(registry).record
    changed = replace(
        job,
        state=JobState.FAILED,
        state_since=now + timedelta(seconds=5),
        ui_url="http://x:4040",
        exit_code=1,
        started_at=now + timedelta(seconds=1),
        ended_at=now + timedelta(seconds=5),
        diagnosis=DIAGNOSIS,
        cluster_id=9,
    )
    saved = registry.jobs.save(changed)
    assert saved == replace(changed, version=2)
    assert registry.jobs.get(job.id) == saved


def test_save_of_an_outdated_record_changes_nothing(registry, claim_job):
    job = claim_job(registry).record
    saved = registry.jobs.save(replace(job, ui_url="x"))
    with pytest.raises(StaleRecord, match=r"job 1 \(team/report\).*version 2, here 1"):
        registry.jobs.save(replace(job, state=JobState.KILLED))
    assert registry.jobs.get(job.id) == saved
    with pytest.raises(NotFound):
        registry.jobs.save(replace(job, id=4711))


def test_jobs_tell_when_they_were_seen_on_their_cluster(registry, claim_cluster, claim_job, now):
    cluster = claim_cluster(registry).record
    other = claim_cluster(registry, key="other").record
    times = [now + timedelta(minutes=number) for number in range(6)]

    def seen():
        return registry.clusters.get(cluster.id).last_used_at

    job = claim_job(registry, cluster_id=cluster.id, now=times[1]).record
    assert seen() == times[1]
    job = registry.jobs.save(replace(job, state=JobState.RUNNING, state_since=times[2]))
    assert seen() == times[2]
    job = registry.jobs.save(replace(job, ui_url="x"), now=times[3])
    assert seen() == times[3]
    job = registry.jobs.save(replace(job, ui_url="y"), now=times[1])
    assert seen() == times[3], "it never moves back"
    registry.jobs.touch_clusters(times[4])
    assert seen() == times[4]
    job = registry.jobs.save(replace(job, state=JobState.SUCCEEDED, state_since=times[5]))
    assert seen() == times[5]
    registry.jobs.save(replace(job, ui_url="z"), now=times[5] + timedelta(hours=1))
    registry.jobs.touch_clusters(times[5] + timedelta(hours=1))
    assert seen() == times[5], "an ended job is not seen any more"
    assert registry.clusters.get(cluster.id).version == cluster.version
    assert registry.clusters.get(other.id) == other


def test_events_tell_who_did_what(registry, claim_cluster, claim_job, now, owner):
    cluster = claim_cluster(registry, now=now).record
    claim_cluster(registry, now=now + timedelta(seconds=1))
    job = claim_job(registry, cluster_id=cluster.id, owner=None).record
    later = now + timedelta(minutes=1)
    saved = registry.clusters.save(replace(cluster, state=ClusterState.PROVISIONING, state_since=later))
    saved = registry.clusters.save(replace(saved, workers_ready=1), actor="nobody")
    failed = replace(saved, state=ClusterState.FAILED, diagnosis=DIAGNOSIS)
    registry.clusters.save(failed, actor="cluster check", action="END")
    registry.jobs.save(replace(job, state=JobState.KILLED), actor="ann")
    told = [(event.actor, event.action, event.cluster_id, event.job_id) for event in registry.events.list()]
    assert told == [
        ("ann", "KILLED", cluster.id, job.id),
        ("cluster check", "END", cluster.id, None),
        ("", "PROVISIONING", cluster.id, None),
        ("", "REQUESTED", cluster.id, job.id),
        (str(owner), "ADOPTED", cluster.id, None),
        (str(owner), "REQUESTED", cluster.id, None),
    ]
    end, begin = registry.events.list(cluster_id=cluster.id)[1:3]
    assert begin.at == later
    assert end.detail == "It failed. [JobFailed]"
    assert (end.dag_id, end.run_id, end.task_id) == (owner.dag_id, owner.run_id, owner.task_id)
    assert [event.dag_id for event in registry.events.list(job_id=job.id)] == [None, None]
    assert len(registry.events.list(limit=2)) == 2


def test_what_became_of_a_savepoint_is_kept_and_told_in_the_events(registry, claim_job, now):
    job = claim_job(registry, job_type="flink", savepoint="s3://bucket/savepoint-1").record
    assert job.spec.savepoint == "s3://bucket/savepoint-1"
    wish = replace(job, state=JobState.STOPPING, state_since=now, savepoint_requested=True)
    stopping = registry.jobs.save(wish, actor="ann")
    assert registry.jobs.get(job.id) == stopping
    assert registry.jobs.get(job.id).savepoint_request == wish.savepoint_request == now, "to the microsecond"
    failed = replace(stopping, state=JobState.RUNNING, savepoint_requested=False, savepoint_failure=DIAGNOSIS)
    running = registry.jobs.save(failed)
    assert registry.jobs.get(job.id) == running
    stopping = registry.jobs.save(replace(running, state=JobState.STOPPING, savepoint_requested=True))
    done = registry.jobs.save(
        replace(
            stopping, state=JobState.SUCCEEDED, savepoint_requested=False, savepoint="file:/s/savepoint-2"
        )
    )
    assert registry.jobs.get(job.id) == done
    assert (done.as_json()["savepoint"], done.as_json()["savepointTaken"]) == (
        "s3://bucket/savepoint-1",
        "file:/s/savepoint-2",
    )
    details = [(event.action, event.detail) for event in registry.events.list(job_id=job.id)][:4]
    assert details == [
        ("SUCCEEDED", "savepoint file:/s/savepoint-2"),
        ("STOPPING", "with a savepoint"),
        ("RUNNING", "It failed. [JobFailed]"),
        ("STOPPING", "with a savepoint"),
    ]


def test_every_job_is_read_page_by_page(registry, claim_cluster, claim_job, monkeypatch):
    cluster = claim_cluster(registry).record
    made = [
        claim_job(registry, key=f"job-{n}", cluster_id=cluster.id, allow_duplicate=True).record.id
        for n in range(7)
    ]
    page, sizes = registry.jobs.list, []

    def short_page(**wanted):
        found = page(**wanted, limit=3)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(registry.jobs, "list", short_page)
    assert [job.id for job in registry.jobs.iterate(cluster_id=cluster.id)] == made[::-1]
    assert sizes == [3, 3, 1, 0]


def test_of_many_live_duplicates_the_newest_alone_is_read(registry, claim_cluster, claim_job, monkeypatch):
    cluster = claim_cluster(registry).record
    made = [
        claim_job(registry, key=f"{n}", cluster_id=cluster.id, allow_duplicate=True).record for n in range(30)
    ]
    read = []
    monkeypatch.setattr(jobs_module, "job_of", lambda row: read.append(row.id) or job_of(row))
    assert registry.jobs.find_duplicate(made[0].client, made[0].module).id == made[-1].id
    assert read == [made[-1].id]
    with pytest.raises(DuplicateJob, match=f"job {made[-1].id} "):
        claim_job(registry, key="one-more", cluster_id=cluster.id, allow_duplicate=False)
    assert len(read) == 1 + 20
