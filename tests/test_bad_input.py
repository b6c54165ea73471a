"""What a person can get wrong, and the answer to it; the table is printed at the end of the run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from connections import settings_for_local

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import DClusterError, InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import ClusterState
from dcluster_provider.core.spec import parse

SHELL = "$(touch /tmp/x); `id` | tee & > y ' \" \\"
# The field, what is given for it, and what the answer has to say.
CLUSTER_FIELDS: list[tuple[str, Any, list[str]]] = [
    ("worker", 3, ["unknown field 'worker'", "did you mean 'workers'?"]),
    ("workerMemry", "8Gi", ["unknown field 'workerMemry'", "did you mean 'workerMemory'?"]),
    ("use_on_demand", True, ["unknown field 'use_on_demand'", "did you mean 'use_on_demand_master'?"]),
    ("zzz", 1, ["unknown field 'zzz'", "the fields are tenant, workers, "]),
    ("workers", -1, ["field workers", "at least 1", "-1"]),
    ("workers", 0, ["field workers", "at least 1"]),
    ("workers", 1001, ["field workers", "at most 1000"]),
    ("workers", 2.5, ["field workers", "whole number", "2.5"]),
    ("workers", "three", ["field workers", "whole number", "'three'"]),
    ("workers", True, ["field workers", "not true"]),
    ("maxWorkers", 0, ["field maxWorkers", "at least 1"]),
    ("maxWorkers", "many", ["field maxWorkers", "whole number", "'many'"]),
    ("maxWorker", 3, ["unknown field 'maxWorker'", "did you mean 'maxWorkers'?"]),
    ("minWorkers", 2, ["field minWorkers", "elastic", "maxWorkers"]),
    ("workerMemory", "8GB", ["field workerMemory", "'8GB'", "write 8Gi"]),
    ("workerMemory", "abc", ["field workerMemory", "'abc'", "8Gi"]),
    ("workerMemory", "", ["field workerMemory", "8Gi"]),
    ("workerMemory", "-8Gi", ["field workerMemory", "'-8Gi'"]),
    ("workerMemory", 8, ["field workerMemory", "'8'", "between 1Mi and 4096Gi"]),
    ("workerMemory", "9999Ti", ["field workerMemory", "between 1Mi and 4096Gi"]),
    ("workerCpu", "0", ["field workerCpu", "'0'", "between 1m and 1024"]),
    ("workerCpu", "two", ["field workerCpu", "'two'", "500m"]),
    ("workerCpu", "-1", ["field workerCpu", "'-1'"]),
    ("extraConfigs", "{'a': 1}", ["field extraConfigs", "not JSON", "double quotes", "column 2"]),
    ("extraConfigs", '{"a": ', ["field extraConfigs", "not JSON", "column 7"]),
    ("extraConfigs", "[1]", ["field extraConfigs", "not a JSON object"]),
    ("extraConfigs", '{"a": {"b": 1}}', ["field extraConfigs", "value for 'a'"]),
    ("extraConfigs", {"a b": 1}, ["field extraConfigs", "'a b'", "white space"]),
    ("type", "spark5", ["field type", "'spark', 'spark3', 'spark4' or 'flink'", "'spark5'"]),
    ("clusterSuffix", "../x", ["field clusterSuffix", "'../x'", "a-z, 0-9 and dashes"]),
    ("clusterSuffix", "-x", ["field clusterSuffix", "'-x'"]),
    ("useOnDemandMaster", "maybe", ["field useOnDemandMaster", "true or false", "'maybe'"]),
    ("tenant", "", ["field tenant", "empty"]),
    ("tenant", " ", ["field tenant", "empty"]),
    ("tenant", None, ["field tenant", "is required"]),
    ("tenant", "x" * 300, ["field tenant", "300 characters", "253"]),
    ("tenant", "\ud800", ["field tenant"]),
    ("extraConfigs", {"a": "\ud800"}, ["field extraConfigs"]),
    ("tenant", "a\nb", ["field tenant", "control character"]),
]
JOB_FIELDS: list[tuple[str, Any, list[str]]] = [
    ("cluster_nam", "x", ["unknown field 'cluster_nam'", "did you mean 'cluster_name'?"]),
    ("driverMemGb", 0, ["field driverMemGb", "at least 0.1"]),
    ("driverMemGb", "4g", ["field driverMemGb", "number", "'4g'"]),
    ("numWorkers", -2, ["field numWorkers", "at least 1", "-2"]),
    ("maxWorkers", -1, ["field maxWorkers", "at least 1"]),
    ("minWorkers", 2, ["field minWorkers", "maxWorkers"]),
    ("workerCpu", "500m", ["field workerCpu", "whole number", "'500m'"]),
    ("masterMemory", "4GB", ["field masterMemory", "write 4Gi"]),
    ("extraCmd", "--conf a=b", ["field extraCmd", "not JSON"]),
    ("jobType", "storm", ["field jobType", "'flink'", "'storm'"]),
    ("application", "report.rb", ["field application", ".py", ".jar", ".sql"]),
    ("sql", "", ["field sql", "has no statement"]),
    ("sql", " -- later;\n/* ; */ ;", ["field sql", "has no statement"]),
    ("sql", "SELECT 'x; SELECT 2", ["field sql", "the quote ' on line 1 is never closed"]),
    ("sql", "SELECT 1;\n/* x", ["field sql", "the comment that begins on line 2 is never closed"]),
    ("sql", "reports/daily.sql", ["field sql", "'reports/daily.sql'", "name of a file", "application"]),
    ("sql", "SELECT 1;" * 8000, ["field sql", "72000 bytes", "65536", "application"]),
    ("sql", ["SELECT 1"], ["field sql", "text"]),
    ("sqls", "SELECT 1", ["unknown field 'sqls'", "did you mean 'sql'?"]),
    ("args", "a b", ["field args", "list"]),
    ("args", ["a\0b"], ["field args.0", "NUL"]),
    ("pyfiles", ["a.py"], ["unknown field 'pyfiles'", "did you mean 'py_files'?"]),
    ("jars", [""], ["field jars.0", "empty"]),
    ("jars", {"a": 1}, ["field jars", "list"]),
    ("packages", ["org.acme:tool"], ["field packages.0", "'org.acme:tool'", "group:artifact:version"]),
    ("excludePackages", ["a:b:1"], ["field excludePackages.0", "'a:b:1'", "group:artifact"]),
    ("repositories", ["central"], ["field repositories.0", "'central'", "https://"]),
    ("requirements", ["-r more.txt"], ["field requirements.0", "option of pip", "environment variables"]),
    ("requirements", ["", "six"], ["field requirements.0", "neither a requirement"]),
    ("engineVersion", "latest", ["field engineVersion", "'latest' is no version", "'4.1'"]),
    ("engineVersion", 3.5, ["field engineVersion", "text", "3.5"]),
    ("archives", [""], ["field archives.0", "empty"]),
    ("storageConnId", "a\nb", ["field storageConnId", "control character"]),
    ("env", "A=1", ["field env", "not JSON", '{"LOG_LEVEL": "debug"}']),
    ("secrets", {"env": "A"}, ["field secrets", "not a list", "connection"]),
    ("secrets", [{"env": "A", "file": "b", "connection": "c"}], ["number 1", "either env", "or file"]),
    ("secrets", [{"env": "A", "connection": "c", "variable": "d"}], ["number 1", "one of connection"]),
    ("kubernetes", "x", ["field kubernetes", "not JSON"]),
    ("kubernetes", {"podTemplate": []}, ["field podTemplate", "has to be an object"]),
    ("kubernetes", {"tolerations": {"a": 1}}, ["field tolerations", "has to be a list"]),
    ("env", {"A-B": "1"}, ["field env", "'A-B'", "letters, digits and underscores"]),
    ("secrets", [{"env": "A"}], ["field secrets", "number 1", "connection, variable and kubernetes"]),
    ("secrets", [{"env": "A", "conection": "x"}], ["field secrets", "did you mean 'connection'?"]),
    ("kubernetes", {"nodeselector": {}}, ["field kubernetes", "did you mean 'node_selector'?"]),
    (
        "kubernetes",
        {"resources": {"limits": {"nvidia.com/gpu": 1}}},
        ["field resources", '{"nvidia.com/gpu": "1"}'],
    ),
    ("kubernetes", {"roles": {"workr": {}}}, ["field kubernetes", "did you mean 'worker'?"]),
    ("queueName", ["a"], ["field queueName", "text"]),
    ("queuename", "a", ["unknown field 'queuename'", "did you mean 'queue_name'?"]),
    ("priorityClassName", "a\nb", ["field priorityClassName", "control character"]),
    ("client", "a\r\nBcc: x", ["field client", "control character"]),
]
TABLE = "bad input and the answer to it"
# Odd, but accepted: the tenant, and the part of the cluster's name that stands for it.
TENANTS = [
    ("数据团队", r"[0-9a-f]{6}"),
    ("Équipe n° 7", "equipe-n-7"),
    ("../../etc", "etc"),
    (SHELL, r"touch-tm.*"),
    ("x" * 253, r"x+-[0-9a-f]{6}"),
]


@pytest.fixture
def control(tmp_path) -> Control:
    return connect(settings_for_local(tmp_path / "home", tmp_path / "engines", tmp_path / "registry.db"))


def _refused(call, given, parts, tables, kind=DClusterError):
    with pytest.raises(kind) as raised:
        call()
    answer = str(raised.value)
    tables.add(TABLE, f"{given}\n    -> {answer}")
    assert not [part for part in parts if part not in answer], answer
    assert len(answer) < 500


def _shown(body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return text if len(text) < 90 else f"{text[:60]}... ({len(text)} characters)"


@pytest.mark.parametrize(("field", "value", "parts"), CLUSTER_FIELDS)
def test_cluster_field_is_refused(field, value, parts, tables):
    body = {"tenant": "team"} | {field: value}
    _refused(lambda: parse(ClusterSpec, body), _shown({field: value}), parts, tables, InvalidSpec)


@pytest.mark.parametrize(("field", "value", "parts"), JOB_FIELDS)
def test_job_field_is_refused(field, value, parts, tables):
    body = {"client": "team", "module": "report"} | {field: value}
    _refused(lambda: parse(JobSpec, body), _shown({field: value}), parts, tables, InvalidSpec)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tenant: team", ["not JSON", "line 1, column 1"]),
        ('{"tenant" "team"}', ["not JSON", "line 1, column 11"]),
        ('["tenant"]', ["not an object"]),
        ("{}", ["field tenant: is required"]),
        ('{"tenant": "t", "worker_cpu": 1, "workerCpu": 2}', ["worker_cpu", "given twice"]),
        ('{"workers": 0, "type": "x"}', ["field tenant", "field workers", "field type"]),
    ],
)
def test_body_is_refused(text, parts, tables):
    _refused(lambda: parse(ClusterSpec, text), text, parts, tables, InvalidSpec)


def test_misfits_are_refused(tables):
    for fields, parts in [
        ({"application": "a.py", "mainClass": "A"}, ["field mainClass", "leave it out"]),
        ({"clusterId": 1, "clusterName": "x"}, ["field clusterId", "one of them"]),
        ({"application": "a.py", "sql": "SELECT 1"}, ["field sql", "application", "one of them"]),
        ({"sql": "SELECT 1", "mainClass": "A"}, ["field mainClass", "leave it out"]),
        ({"application": "a.sql", "args": ["x"]}, ["field args", "template", "${env:NAME}"]),
    ]:
        body = {"client": "team", "module": "report"} | fields
        _refused(lambda body=body: parse(JobSpec, body), _shown(fields), parts, tables, InvalidSpec)


@pytest.mark.parametrize("value", ["8Gi", "8g", "8G", "8192Mi"])
def test_memory_in_every_notation_is_accepted(value):
    assert parse(ClusterSpec, {"tenant": "team", "workerMemory": value}).worker_memory == value


def test_part_of_a_core_is_accepted():
    assert parse(ClusterSpec, {"tenant": "team", "workerCpu": "500m"}).worker_cpu == "500m"


@pytest.mark.parametrize(("tenant", "label"), TENANTS)
def test_odd_tenant_is_kept_and_its_name_is_safe(tenant, label, control, tables):
    cluster = _claim(control, tenant=tenant)
    tables.add(TABLE, f"{_shown({'tenant': tenant})}\n    -> accepted, named {cluster.name}")
    assert control.registry.clusters.get(cluster.id).spec.tenant == tenant
    assert len(cluster.name) <= 52
    assert re.fullmatch(rf"spark3-dev-{label}-\d{{17}}", cluster.name)


def test_unknown_clusters_jobs_and_states(control, tables):
    name = _claim(control).name
    near = name.replace("team", "taem")
    calls = [
        ("clusters.get(4711)", lambda: control.clusters.get(4711), ["4711", "clusters list"]),
        (f"clusters.get({near!r})", lambda: control.clusters.get(near), [near, f"did you mean {name!r}"]),
        ("clusters.terminate(4711)", lambda: control.clusters.terminate(4711), ["4711", "clusters list"]),
        ("jobs.get(4711)", lambda: control.jobs.get(4711), ["4711", "jobs list"]),
        ("jobs.terminate(4711)", lambda: control.jobs.terminate(4711), ["4711", "jobs list"]),
        ("clusters.list('RUNING')", lambda: control.clusters.list("RUNING"), ["did you mean 'RUNNING'"]),
        ("jobs.list('done')", lambda: control.jobs.list("done"), ["'done'", "SUCCEEDED"]),
    ]
    for given, call, parts in calls:
        _refused(call, given, parts, tables)


def test_job_of_another_engine_than_its_cluster(control, tables, tmp_path):
    cluster = _claim(control)
    control.registry.clusters.save(replace(cluster, state=ClusterState.RUNNING))
    (tmp_path / "query.sql").write_text("SELECT 1")
    body = {
        "client": "team",
        "module": "report",
        "jobType": "flink",
        "clusterId": cluster.id,
        "application": str(tmp_path / "query.sql"),
    }
    parts = ["field jobType", "'flink'", f"cluster {cluster.id} ({cluster.name})", "'spark3'"]
    given = _shown({"jobType": "flink", "clusterId": cluster.id})
    _refused(lambda: control.jobs.submit(body), given, parts, tables, InvalidSpec)
    assert control.registry.jobs.list() == []


def _claim(control: Control, tenant: str = "team"):
    return control.registry.clusters.claim(
        key="key",
        spec=ClusterSpec(tenant=tenant),
        env="dev",
        deployment="airflow",
        conn_id="dcluster_default",
        platform="local",
        owner=None,
        now=datetime(2026, 1, 1, tzinfo=timezone.utc),
    ).record
