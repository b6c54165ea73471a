"""Checks, roles and the monitoring of clients from a terminal."""

from __future__ import annotations

import json
import os
from argparse import Namespace

import pytest
import yaml
from connections import connection_variable

from dcluster_provider.cli.admin import doctor, rbac


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


def _printed(capsys, conn_id="dcluster_default", **arguments):
    given = {"namespace": None, "service_account": None, "user": None, "group": None, "driver_account": ""}
    given |= {"nodes": False, "flink_account": "", "queueing": ""}
    rbac(Namespace(conn_id=conn_id, **(given | arguments)))
    return list(yaml.safe_load_all(capsys.readouterr().out))


@pytest.fixture
def connection(monkeypatch):
    def make(**extra):
        monkeypatch.setenv("AIRFLOW_CONN_K8S", json.dumps({"conn_type": "dcluster", "extra": extra}))

    return make


def test_namespaces_and_subjects_are_those_given(capsys):
    printed = _printed(capsys, namespace=["a", "b"], service_account=["airflow:worker"], group=["ops"])
    assert [(it["kind"], it["metadata"].get("namespace")) for it in printed] == [
        ("Role", "a"),
        ("RoleBinding", "a"),
        ("Role", "b"),
        ("RoleBinding", "b"),
        ("ClusterRole", None),
        ("ClusterRoleBinding", None),
    ]
    assert [subject["name"] for subject in printed[1]["subjects"]] == ["worker", "ops"]


def test_namespaces_and_the_way_to_engines_come_from_the_connection(capsys, connection):
    connection(platform="kubernetes", namespace="data", external_namespace="outside", engine_access="direct")
    printed = _printed(capsys, "k8s", user=["ann"])
    assert {it["metadata"].get("namespace") for it in printed} == {"data", "outside", None}
    assert "services/proxy" not in json.dumps(printed)


def test_the_drivers_account_comes_with_what_it_may(capsys):
    printed = _printed(capsys, namespace=["a"], user=["ann"], driver_account="spark-driver")
    assert ("ServiceAccount", "spark-driver") in {(it["kind"], it["metadata"]["name"]) for it in printed}


def test_the_account_of_jobmanagers_that_go_on_is_the_connections(capsys, connection):
    connection(
        platform="kubernetes",
        namespace="data",
        flink_ha=True,
        flink_storage="s3://b/f",
        service_account="jobmanager",
    )
    printed = _printed(capsys, "k8s", user=["ann"])
    assert ("ServiceAccount", "jobmanager") in {(it["kind"], it["metadata"]["name"]) for it in printed}
    named = _printed(capsys, "k8s", user=["ann"], flink_account="leader")
    assert [it["metadata"]["name"] for it in named if it["kind"] == "ServiceAccount"] == ["leader"]


def test_a_role_for_nodes_is_printed_when_it_is_asked_for(capsys):
    printed = _printed(capsys, namespace=["a"], user=["ann"], nodes=True)
    assert [(it["kind"], it["metadata"]["name"]) for it in printed[-2:]] == [
        ("ClusterRole", "dcluster-nodes"),
        ("ClusterRoleBinding", "dcluster-nodes-a"),
    ]


def test_a_name_that_yaml_takes_for_a_boolean_is_quoted(capsys):
    rbac(
        Namespace(
            conn_id="dcluster_default",
            namespace=["n"],
            service_account=["y:no"],
            user=None,
            group=None,
            driver_account="",
            flink_account="",
            nodes=False,
            queueing="",
        )
    )
    text = capsys.readouterr().out
    assert 'namespace: "n"' in text
    assert 'namespace: "y"' in text
    assert "name: 'no'" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"namespace": ["a"]}, "--service-account NAMESPACE:NAME"),
        ({"user": ["ann"]}, "--namespace"),
        ({"namespace": ["a"], "service_account": ["worker"]}, "NAMESPACE:NAME"),
    ],
)
def test_what_is_missing_is_asked_for(capsys, arguments, message):
    with pytest.raises(SystemExit, match=message):
        _printed(capsys, **arguments)


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
