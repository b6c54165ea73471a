"""Secrets in Airflow's connections and variables, and what is told of those that are not there."""

from __future__ import annotations

import json

import pytest

from dcluster_provider.core.environment import SecretReference
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.secrets import read_secret


@pytest.fixture(autouse=True)
def stored(monkeypatch):
    connection = {
        "conn_type": "postgres",
        "host": "db",
        "login": "me",
        "password": "pass word",
        "port": 5432,
        "extra": {"key": "k"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_VAR_REPORTING_KEY", "a key")


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"connection": "warehouse"}, "pass word"),
        ({"connection": "warehouse", "part": "login"}, "me"),
        ({"connection": "warehouse", "part": "port"}, "5432"),
        ({"connection": "warehouse", "part": "extra.key"}, "k"),
        ({"connection": "warehouse", "part": "uri"}, "postgres://me:pass%20word@db:5432/?key=k"),
        ({"variable": "reporting_key"}, "a key"),
    ],
)
def test_a_secret_is_read(reference, value):
    assert read_secret(SecretReference(env="A", **reference)) == value


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ({"connection": "warehose"}, "There is no connection 'warehose'"),
        (
            {"connection": "warehouse", "part": "extra.other"},
            "no value in extra.other of the connection 'warehouse'",
        ),
        ({"variable": "reporting"}, "There is no value in the variable 'reporting'"),
    ],
)
def test_one_that_is_not_there_is_named(reference, told):
    with pytest.raises(PlatformRefused) as refusal:
        read_secret(SecretReference(env="A", **reference))
    assert told in refusal.value.diagnosis.cause
    assert "pass word" not in str(refusal.value)
