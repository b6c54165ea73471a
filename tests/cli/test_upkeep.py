"""The monitoring of clients from a terminal."""

from __future__ import annotations

import json

import pytest
from connections import connection_variable


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a command and return what it printed."""
    from airflow.cli.cli_parser import get_parser

    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", connection_variable(home=str(tmp_path)))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    def run(*arguments):
        args = get_parser().parse_args(["dcluster", "clients", *arguments])
        args.func(args)
        return capsys.readouterr().out

    return run


def test_monitoring_is_set_and_read_back(run):
    (before,) = json.loads(run("show", "team", "-o", "json"))
    assert (before["client"], before["alert_after"]) == ("team", None)
    (off,) = json.loads(run("monitor", "team", "--off", "-o", "json"))
    assert off == {"client": "team", "monitored": False, "alert_after": None}
    run("monitor", "team", "--alert-after", "60")
    assert json.loads(run("show", "team", "-o", "json")) == [off | {"monitored": True, "alert_after": 60}]


def test_a_threshold_that_is_none_is_refused(run):
    with pytest.raises(SystemExit, match="field alertAfter: 0"):
        run("monitor", "team", "--alert-after", "0")
