"""Variables, references to secrets and fields of pods: read, refused by name, and kept as little as was said."""

from __future__ import annotations

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.environment import references
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import KubernetesPods
from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.core.spec import parse, reject_redacted

JOB = {"client": "team", "module": "etl", "application": "etl.py"}


def read(**fields) -> JobSpec:
    return parse(JobSpec, JOB | fields)


def test_what_is_kept_is_what_was_said():
    secrets = [
        {"env": "A", "connection": "db"},
        {"file": "b.json", "variable": "b"},
        {"env": "C", "kubernetes": "s/k"},
    ]
    spec = read(env={"LEVEL": "low", "N": 3}, secrets=secrets, kubernetes={"node_selector": {"a": 1}})
    assert spec.env == {"LEVEL": "low", "N": "3"}
    assert spec.secrets == tuple(secrets)
    assert spec.kubernetes == {"nodeSelector": {"a": "1"}}
    assert parse(JobSpec, spec.as_json()) == spec
    assert [each.source for each in references(spec.secrets)] == [
        "password of the connection 'db'",
        "the variable 'b'",
        "the Secret s/k",
    ]


def test_a_jobs_own_cluster_has_them_too():
    given = {"env": {"A": "1"}, "secrets": [{"env": "B", "variable": "b"}], "kubernetes": {"image": "x:1"}}
    own = read(**given).own_cluster()
    assert (own.env, own.secrets, own.kubernetes) == (
        given["env"],
        tuple(given["secrets"]),
        given["kubernetes"],
    )


def test_a_cluster_that_others_use_does_not_have_them():
    own = read(
        use_long_living_cluster=True, env={"A": "1"}, secrets=[{"env": "B", "variable": "b"}]
    ).own_cluster()
    assert (own.env, own.secrets, own.kubernetes) == ({}, (), {})


def test_a_variable_that_is_a_secret_by_its_name_is_not_shown_and_not_taken_back():
    spec = read(env={"DB_PASSWORD": "hunter-2"})
    assert "hunter-2" not in repr(spec)
    assert spec.secret_values == ("hunter-2",)
    with pytest.raises(InvalidSpec, match="DB_PASSWORD: the value is not there"):
        reject_redacted(read(env={"DB_PASSWORD": REDACTED}))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"env": ["A=1"]}, "field env: is not a JSON object; write one such as"),
        ({"env": {"A-B": "1"}}, "field env: 'A-B' is no name of a variable"),
        ({"env": {"DCLUSTER_JOB_ID": "1"}}, "field env: DCLUSTER_JOB_ID: choose another name"),
        ({"env": {"A": True}}, "field env: A: has to be text, not True"),
        ({"secrets": {"env": "A"}}, "field secrets: is not a list"),
        (
            {"secrets": [{"env": "A"}]},
            "field secrets: number 1: name one of connection, variable and kubernetes",
        ),
        ({"secrets": [{"connection": "db"}]}, "field secrets: number 1: name either env"),
        (
            {"secrets": [{"env": "A", "conection": "db"}]},
            "unknown field 'conection'; did you mean 'connection'",
        ),
        (
            {"secrets": [{"env": "A", "connection": "db", "part": "pasword"}]},
            "part: 'pasword' is none of password",
        ),
        ({"secrets": [{"file": "../x", "variable": "x"}]}, "file: '../x' is no name of a file"),
        ({"secrets": [{"env": "A", "kubernetes": "db"}]}, "'db' is no key of a Secret; write NAME/KEY"),
        (
            {"secrets": [{"env": "A", "variable": "x"}, {"env": "A", "variable": "y"}]},
            "A: is named more than once",
        ),
        ({"kubernetes": "ssd"}, "field kubernetes: is not JSON"),
        ({"kubernetes": {"nodeselector": {}}}, "unknown field 'nodeselector'; did you mean 'node_selector'"),
        (
            {"kubernetes": {"roles": {"workr": {}}}},
            "field kubernetes: .*workr: is no role; did you mean 'worker'",
        ),
        ({"kubernetes": {"roles": {"worker": {"roles": {}}}}}, "unknown field 'roles'"),
        ({"kubernetes": {"labels": {"a": ["b"]}}}, r"field kubernetes: field labels\.a: has to be text"),
    ],
)
def test_what_cannot_be_is_refused_where_it_enters(fields, told):
    with pytest.raises(InvalidSpec, match=told):
        read(**fields)
    cluster = {"tenant": "team", **fields}
    with pytest.raises(InvalidSpec, match=told):
        parse(ClusterSpec, cluster)


def test_a_role_has_what_is_said_of_all_pods_first():
    block = KubernetesPods.model_validate({"image": "a", "roles": {"TaskManager": {"image": "b"}}})
    assert [each.image for each in block.of_role("worker")] == ["a", "b"]
    assert [each.image for each in block.of_role("master")] == ["a"]
