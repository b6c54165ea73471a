from __future__ import annotations

import json
import os
from argparse import Namespace

import pytest

from dcluster_provider.cli.doctor import doctor


def _examined(capsys, conn_id="dcluster_default"):
    doctor(Namespace(conn_id=conn_id, output="json", no_images=True))
    return {check["check"]: check for check in json.loads(capsys.readouterr().out)}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path


def test_the_local_platform_tells_what_it_is(capsys, home):
    checks = _examined(capsys)
    assert {name: check["outcome"] for name, check in checks.items()} == {"registry": "ok", "platform": "ok"}
    assert str(home) in checks["registry"]["found"]
    assert "Spark" in checks["platform"]["found"]


def test_an_engine_that_cannot_run_is_a_failed_check_and_exit_code_1(capsys, monkeypatch):
    connection = {"conn_type": "dcluster", "extra": {"java_home": os.devnull}}
    monkeypatch.setenv("AIRFLOW_CONN_NO_JAVA", json.dumps(connection))
    with pytest.raises(SystemExit) as left:
        _examined(capsys, "no_java")
    assert left.value.code == 1
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)}
    assert (checks["registry"]["outcome"], checks["platform"]["outcome"]) == ("ok", "failed")
    assert checks["platform"]["remedy"]


def test_without_credentials_for_kubernetes_it_says_so(capsys, monkeypatch):
    extra = {"platform": "kubernetes", "kubernetes_conn_id": "not_there"}
    monkeypatch.setenv("AIRFLOW_CONN_K8S", json.dumps({"conn_type": "dcluster", "extra": extra}))
    with pytest.raises(SystemExit) as left:
        _examined(capsys, "k8s")
    assert left.value.code == 1
    (check,) = (each for each in json.loads(capsys.readouterr().out) if each["check"] == "Kubernetes")
    assert check["outcome"] == "failed"
    assert "kubernetes_conn_id" in check["remedy"]
