from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import JobState

OWNER = Owner("airflow", "daily", "manual__1", "report")
JOB = {"client": "team", "module": "etl", "application": "etl.py", "emailRecipients": "team@example.com"}
DAY = timedelta(days=1)


@dataclass
class Listeners:
    """Remembers what it was told, and fails when it has to."""

    names: tuple[str, ...] = ("mail", "notifier")
    told: list[tuple[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def channels(self, alert):
        return self.names

    def send(self, alert, channel):
        if channel in self.broken:
            raise ConnectionRefusedError("nobody there")
        self.told.append((channel, alert.job.id))
        self.texts.append(alert.text)


@pytest.fixture
def listeners():
    return Listeners()


@pytest.fixture
def later(monkeypatch):
    """Have a pass begin so much later."""

    def move(by):
        from dcluster_provider.control.records import utc_now

        monkeypatch.setattr("dcluster_provider.control.upkeep.upkeep.utc_now", lambda: utc_now() + by)

    return move


@pytest.fixture
def job(control):
    cluster = control.clusters.launch({"tenant": "team"})
    job = control.jobs.submit(JOB | {"clusterId": cluster.id}, owner=OWNER)
    return control.jobs.observe([job.id])[job.id]


def test_a_job_is_told_of_once_when_it_runs_longer_than_its_threshold(control, listeners, later, job):
    assert control.upkeep.alert_long_running(listeners).done == {}
    later(DAY)
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 2}
    assert listeners.told == [("mail", job.id), ("notifier", job.id)]
    later(2 * DAY)
    again = control.upkeep.alert_long_running(listeners)
    assert (again.done, again.checked) == ({}, {"running jobs": 1, "alerts sent before": 2})
    assert len(listeners.told) == 2


def test_the_text_says_which_job_whose_and_for_how_long(control, listeners, later, job):
    later(DAY + timedelta(seconds=5))
    control.upkeep.alert_long_running(listeners)
    cluster = control.clusters.get(job.cluster_id)
    text = listeners.texts[0]
    for line in (
        f"job {job.id} (team/etl): it has been running for 1 day, 0:00:0",
        "Client: team",
        "Module: etl",
        f"Cluster: {cluster.id} ({cluster.name})",
        "Owner: daily.report of manual__1",
        "Threshold: 1 day, 0:00:00",
        "Engine UI: http://here:8080",
    ):
        assert line in text
    print(text)


def test_the_time_of_the_client_comes_before_that_of_the_connection(control, listeners, later, job):
    control.jobs.set_monitoring("team", True, alert_after=60)
    later(timedelta(seconds=61))
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 2}
    control.jobs.set_monitoring("team", True, alert_after=3600)
    later(timedelta(seconds=3601))
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 2}, (
        "another threshold, told once more"
    )


def test_nobody_is_told_of_a_client_that_is_not_monitored(control, listeners, later, job):
    control.jobs.set_monitoring("team", False)
    later(DAY)
    assert control.upkeep.alert_long_running(listeners).done == {}


@pytest.mark.usefixtures("job")
def test_it_is_repeated_only_after_the_time_of_the_connection(control, settings, platform, listeners, later):
    repeating = settings.model_copy(update={"alert_repeat": timedelta(hours=2)})
    upkeep = Upkeep(control.registry, platform, repeating, control.clusters, control.jobs)
    for hours, told in ((24, 2), (25, 0), (26, 2), (27, 0)):
        later(timedelta(hours=hours, seconds=hours))
        assert upkeep.alert_long_running(listeners).done.get("notified", 0) == told


def test_a_job_that_has_ended_meanwhile_is_not_told_of(control, platform, listeners, later, job):
    platform.set_job(job, JobPhase.SUCCEEDED, exit_code=0)
    later(DAY)
    assert control.upkeep.alert_long_running(listeners).done == {}
    assert control.jobs.get(job.id).state is JobState.SUCCEEDED


def test_what_could_not_be_told_is_tried_again_and_only_that(control, listeners, later, job):
    listeners.broken = {"mail"}
    later(DAY)
    report = control.upkeep.alert_long_running(listeners)
    assert (report.done, report.left) == ({"notified": 1}, 1)
    assert "ConnectionRefusedError: nobody there; it will be retried in the next run" in str(report)
    listeners.broken = set()
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 1}
    assert listeners.told == [("notifier", job.id), ("mail", job.id)]


def test_a_pass_within_another_tells_nothing_twice(control, listeners, later, job):
    """The second begins between the claim of the first and its confirmation."""
    later(DAY)
    send, nested = listeners.send, []

    def send_and_run(alert, channel):
        if not nested:
            nested.append(None)
            nested[0] = control.upkeep.alert_long_running(listeners)
        send(alert, channel)

    listeners.send = send_and_run
    control.upkeep.alert_long_running(listeners)
    assert sorted(listeners.told) == [("mail", job.id), ("notifier", job.id)]
    assert nested[0].done == {"notified": 1}


def test_a_dry_run_tells_nobody_and_changes_nothing(control, listeners, later, job):
    later(DAY)
    for _ in range(2):
        report = control.upkeep.alert_long_running(listeners, dry_run=True)
        assert (report.done, listeners.told) == ({"notified": 2}, [])
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 2}


def test_with_no_way_to_tell_anybody_it_stays_due(control, listeners, later, job):
    listeners.names = ()
    later(DAY)
    report = control.upkeep.alert_long_running(listeners)
    assert (report.left, "there is no channel to notify anybody" in str(report)) == (1, True)
    listeners.names = ("mail",)
    assert control.upkeep.alert_long_running(listeners).done == {"notified": 1}


@pytest.mark.parametrize("by_task", [True, False])
def test_a_failure_is_mailed_once_by_the_task_or_by_the_next_pass(control, platform, listeners, job, by_task):
    platform.set_job(job, JobPhase.FAILED, exit_code=3)
    failed = control.jobs.observe([job.id])[job.id]
    if by_task:
        assert control.upkeep.notify_failure(failed, listeners).done == {"notified": 1}
    assert control.upkeep.alert_long_running(listeners).done == ({} if by_task else {"notified": 1})
    assert control.upkeep.notify_failure(failed, listeners).done == {}
    assert listeners.told == [("mail", job.id)]
    assert "it has ended as FAILED" in listeners.texts[0]
    second = control.jobs.submit(JOB | {"clusterId": job.cluster_id}, owner=OWNER)
    platform.set_job(second, JobPhase.FAILED, exit_code=3)
    control.jobs.observe([second.id])
    control.upkeep.alert_long_running(listeners)
    assert listeners.told == [("mail", job.id), ("mail", second.id)], "the next generation is another failure"


def test_a_failure_that_nobody_could_be_told_of_for_a_day_is_given_up(
    control, platform, listeners, later, job
):
    platform.set_job(job, JobPhase.FAILED, exit_code=3)
    control.jobs.observe([job.id])
    listeners.broken = {"mail"}
    assert control.upkeep.alert_long_running(listeners).left == 1
    later(DAY)
    assert control.upkeep.alert_long_running(listeners).left == 0


def test_a_subject_is_one_line_whatever_the_job_is_called(control, listeners, later):
    from dcluster_provider.core.alert import Alert

    job = control.jobs.submit(JOB | {"module": "etl x"})
    alert = Alert(
        "failed", replace(job, spec=job.spec.model_copy(update={"module": "a\nBcc: b"})), None, job.created_at
    )
    assert "\n" not in alert.subject
