"""Mail really goes over SMTP, to a server of the test's own; other notifiers are Airflow's own kind."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from local_platform import NOW, make_cluster, make_job
from mail_server import mail_server, text_of

from dcluster_provider.core.alert import Alert
from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import JobState
from dcluster_provider.hooks import delivery
from dcluster_provider.hooks.delivery import NotifierDelivery
from tests.hooks.notifiers import Recorder


@pytest.fixture
def mailbox(monkeypatch):
    with mail_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", server.connection)
        yield server


@pytest.fixture
def alert():
    cluster = make_cluster()
    job = make_job(cluster, email_recipients="anna@example.com; bo@example.com", module="{{ 1 + 1 }} <etl>")
    running = replace(job, state=JobState.RUNNING, started_at=NOW - timedelta(hours=5))
    links = {"Job log": "http://airflow/dcluster/log?a=1&b=2"}
    return Alert("long_running", running, cluster, NOW, timedelta(hours=4), links)


def test_recipients_get_a_mail_whose_text_is_not_taken_for_a_template(mailbox, alert):
    told = NotifierDelivery()
    assert told.channels(alert) == ["mail"]
    told.send(alert, "mail")
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["anna@example.com", "bo@example.com"]
    assert mail["From"] == "airflow@example.com"
    assert (
        mail["Subject"] == f"[dCluster] job {alert.job.id} (team/{{{{ 1 + 1 }}}} <etl>): running for 5:00:00"
    )
    text = text_of(mail)
    print(mail["Subject"], text, sep="\n")
    assert "Module: {{ 1 + 1 }} &lt;etl&gt;" in text
    assert "it has been running for 5:00:00, longer than 4:00:00." in text
    assert "Job log: http://airflow/dcluster/log?a=1&amp;b=2" in text


def test_a_failure_comes_with_its_diagnosis(mailbox, alert):
    diagnosis = Diagnosis(
        ProcessCode.PYTHON_EXCEPTION, "The driver raised.", "Mend it.", ("ValueError: {{ x }}",)
    )
    job = replace(alert.job, state=JobState.FAILED, ended_at=NOW, diagnosis=diagnosis)
    NotifierDelivery().send(Alert("failed", job, alert.cluster, NOW), "mail")
    text = text_of(mailbox.mails[0][1])
    assert "it has ended as FAILED." in text
    assert "The driver raised. [PythonException]" in text
    assert "ValueError: {{ x }}" in text
    assert "What to do: Mend it." in text


def test_a_server_that_is_not_there_is_an_error(monkeypatch, alert, mailbox):
    connection = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": 9,
        "extra": {"disable_ssl": True, "retry_limit": 1},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    with pytest.raises(OSError, match="refused"):
        NotifierDelivery().send(alert, "mail")


def test_a_job_without_recipients_is_not_mailed(alert):
    job = replace(alert.job, spec=alert.job.spec.model_copy(update={"email_recipients": ""}))
    assert NotifierDelivery().channels(replace(alert, job=job)) == []


def test_without_the_smtp_provider_it_is_said_once(monkeypatch, alert, caplog):
    monkeypatch.setattr(delivery, "_told_of_missing", set())
    for name in [name for name in sys.modules if name.startswith("airflow.providers.smtp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "airflow.providers.smtp", None)
    with caplog.at_level(logging.WARNING, "dcluster_provider.hooks.delivery"):
        assert NotifierDelivery().channels(alert) == []
        assert NotifierDelivery().channels(alert) == []
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith(
        "The smtp provider of Airflow is not installed, so no mail is sent to emailRecipients"
    )
    assert told.endswith("pip install 'dcluster-provider[smtp]'")


def test_each_alert_is_rendered_into_notifiers_anew(monkeypatch, alert):
    Recorder.told.clear()
    monkeypatch.setenv("AIRFLOW__DCLUSTER__ALERT_NOTIFIER", "tests.hooks.notifiers.Recorder")
    arguments = '{"text": "configured: {{ alert.job.module }}"}'
    monkeypatch.setenv("AIRFLOW__DCLUSTER__ALERT_NOTIFIER_KWARGS", arguments)
    told = NotifierDelivery([Recorder(text="given: {{ alert.subject }}")])
    assert told.channels(alert) == ["mail", "Recorder 1", "Recorder 2"]
    other = replace(alert, job=replace(alert.job, spec=alert.job.spec.model_copy(update={"module": "other"})))
    for each in (alert, other):
        for channel in told.channels(each)[1:]:
            told.send(each, channel)
    assert Recorder.told == [
        f"given: {alert.subject}",
        "configured: {{ 1 + 1 }} <etl>",
        f"given: {other.subject}",
        "configured: other",
    ]


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("no.such.Notifier", "{}"),
        ("tests.hooks.notifiers.Missing", "{}"),
        ("tests.hooks.notifiers.Recorder", '{"no_such": "s3cret"}'),
        ("tests.hooks.notifiers.Recorder", "s3cret"),
    ],
)
def test_a_notifier_that_cannot_be_made_is_told_without_its_arguments(monkeypatch, path, arguments):
    monkeypatch.setenv("AIRFLOW__DCLUSTER__ALERT_NOTIFIER", path)
    monkeypatch.setenv("AIRFLOW__DCLUSTER__ALERT_NOTIFIER_KWARGS", arguments)
    with pytest.raises(InvalidSpec, match=r"\[dcluster\] alert_notifier: '.*' cannot be made") as caught:
        NotifierDelivery()
    assert "s3cret" not in str(caught.value)
