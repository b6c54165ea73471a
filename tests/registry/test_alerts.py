from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dcluster_provider.core.alert import FAILED, LONG_RUNNING, MAIL
from dcluster_provider.core.record import JobState
from dcluster_provider.registry.alerts import CLAIM_LAPSES
from dcluster_provider.registry.store import ClientSetting, Event, Registry, Scope

HOUR = timedelta(hours=1)
SCOPE = Scope("deployment", "dcluster_default")


def test_clients_are_monitored_until_somebody_says_otherwise(registry):
    assert registry.client_settings.is_monitored("team")
    assert registry.client_settings.get("team") == ClientSetting("team", monitored=True, alert_after=None)
    registry.client_settings.save("team", monitored=False, alert_after=60)
    assert not registry.client_settings.is_monitored("team")
    assert registry.client_settings.get("team") == ClientSetting("team", monitored=False, alert_after=60)
    registry.client_settings.save("team", monitored=True)
    assert registry.client_settings.get("team") == ClientSetting("team")
    assert registry.client_settings.is_monitored("other")


def test_an_act_is_recorded_as_it_was_told(registry, now):
    event = Event(now, "ann", "ASKED", 1, 2, "dag", "run", "task", "because\nü")
    registry.events.record(event)
    assert registry.events.list() == [event]
    registry.events.record(Event(now, "ann", "ASKED", detail="NUL\0 in a log line"))
    assert registry.events.list(limit=1)[0].detail == "NUL in a log line"


def test_clients_set_by_many_processes_at_once(registry, in_processes):
    in_processes(8, lambda number: registry.client_settings.save("team", monitored=True, alert_after=number))
    assert registry.client_settings.get("team").alert_after in range(8)


def claim(registry, at, **changes):
    return registry.alerts.claim(*(1, LONG_RUNNING, MAIL, at), **{"threshold": 60} | changes)


def test_an_alert_is_told_once_per_threshold_and_channel(registry, now):
    first = claim(registry, now)
    registry.alerts.confirm(first, now)
    assert claim(registry, now + HOUR) is None
    assert claim(registry, now, threshold=120) is not None
    assert registry.alerts.claim(1, LONG_RUNNING, "notifier", now, threshold=60) is not None
    assert registry.alerts.claim(2, LONG_RUNNING, MAIL, now, threshold=60) is not None


def test_it_is_told_again_after_the_time_of_repetition_and_not_before(registry, now):
    registry.alerts.confirm(claim(registry, now), now)
    assert claim(registry, now + HOUR, repeat=2 * HOUR) is None
    again = claim(registry, now + 2 * HOUR, repeat=2 * HOUR)
    assert again is not None
    registry.alerts.confirm(again, now + 2 * HOUR)
    assert claim(registry, now + 3 * HOUR, repeat=2 * HOUR) is None


def test_a_delivery_that_failed_is_free_at_once_and_one_that_was_cut_short_after_a_while(registry, now):
    first = claim(registry, now)
    assert claim(registry, now + CLAIM_LAPSES / 2) is None
    registry.alerts.release(first)
    second = claim(registry, now)
    assert second.alert_id == first.alert_id
    third = claim(registry, now + CLAIM_LAPSES)
    assert third.alert_id == first.alert_id
    registry.alerts.confirm(second, now)  # who comes too late confirms nothing
    registry.alerts.release(second)
    assert claim(registry, now + CLAIM_LAPSES * 1.5) is None
    registry.alerts.confirm(third, now)
    assert claim(registry, now + 9 * CLAIM_LAPSES) is None


def test_of_many_that_tell_at_once_one_tells(registry_url, in_processes, now):
    def tell(_number):
        return claim(Registry(registry_url), now) is not None

    Registry(registry_url).describe()
    assert sum(in_processes(8, tell)) == 1


def test_whether_it_is_due_is_told_without_a_change(registry, now):
    def due(at, **more):
        return registry.alerts.is_due(1, LONG_RUNNING, MAIL, at, threshold=60, **more)

    assert due(now)
    first = claim(registry, now)
    assert (due(now), due(now + CLAIM_LAPSES)) == (False, True)
    registry.alerts.confirm(first, now)
    assert (due(now + HOUR), due(now + HOUR, repeat=HOUR)) == (False, True)


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.UNKNOWN])
def test_a_failure_with_recipients_is_due_from_the_moment_it_is_saved(registry, claim_job, now, state):
    job = claim_job(registry, email_recipients="team@example.com").record
    assert registry.alerts.claim(job.id, FAILED, MAIL, now) is None
    ended = registry.jobs.save(replace(job, state=state, state_since=now, ended_at=now))
    assert [job_id for _, job_id in registry.alerts.failed_jobs_due(SCOPE, now - HOUR)] == [job.id]
    assert registry.alerts.failed_jobs_due(Scope("another", "dcluster_default"), now - HOUR) == []
    assert registry.alerts.failed_jobs_due(SCOPE, now + HOUR) == []
    told = registry.alerts.claim(job.id, FAILED, MAIL, now)
    registry.alerts.confirm(told, now)
    assert registry.alerts.failed_jobs_due(SCOPE, now - HOUR) == []
    registry.jobs.save(replace(ended, ui_url="http://page"))
    assert registry.alerts.failed_jobs_due(SCOPE, now - HOUR) == []


@pytest.mark.parametrize(
    ("recipients", "state"), [("", JobState.FAILED), ("a@b", JobState.SUCCEEDED), ("a@b", JobState.KILLED)]
)
def test_nothing_is_due_without_recipients_or_without_a_failure(registry, claim_job, now, recipients, state):
    job = claim_job(registry, email_recipients=recipients).record
    registry.jobs.save(replace(job, state=state, state_since=now, ended_at=now))
    assert registry.alerts.failed_jobs_due(SCOPE, now - HOUR) == []


def test_settings_of_many_clients_are_read_at_once(registry):
    registry.client_settings.save("quiet", monitored=False)
    registry.client_settings.save("slow", monitored=True, alert_after=7200)
    found = registry.client_settings.get_many(["quiet", "slow", "other"])
    assert {name: (it.monitored, it.alert_after) for name, it in found.items()} == {
        "quiet": (False, None),
        "slow": (True, 7200),
        "other": (True, None),
    }
