"""A connection of another type is refused by name, whoever names it."""

from __future__ import annotations

import json

import pytest

from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.hooks.aws_client import ec2_client
from dcluster_provider.hooks.connection import read_settings
from dcluster_provider.hooks.connection_type import require_type
from dcluster_provider.hooks.kubernetes_client import kubernetes_client


@pytest.mark.parametrize("conn_type", ["smtp", "generic", "kubernetes", ""])
@pytest.mark.parametrize("conn_id", ["mine", "dcluster_default"])
def test_only_a_dcluster_connection_is_one(monkeypatch, conn_id, conn_type):
    connection = {"conn_type": conn_type, "host": "mail", "extra": {"platform": "local"}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    with pytest.raises(
        InvalidSpec, match=f"connection '{conn_id}' is of type '{conn_type}', not 'dcluster'; name"
    ):
        read_settings(conn_id)


@pytest.mark.parametrize(
    ("use", "field"),
    [
        (kubernetes_client, "kubernetes_conn_id takes one of type 'kubernetes'"),
        (lambda conn_id: ec2_client(conn_id, "eu-west-1", True), "aws_conn_id takes one of type 'aws'"),
    ],
)
def test_a_connection_that_it_names_is_of_the_type_that_it_is_named_for(monkeypatch, use, field):
    monkeypatch.setenv("AIRFLOW_CONN_NAMED", json.dumps({"conn_type": "smtp", "host": "mail"}))
    with pytest.raises(PlatformRefused, match=f"connection 'named'.*'smtp', and the field {field}"):
        use("named")


def test_one_that_does_not_exist_is_for_its_provider_to_judge():
    require_type("no_such_connection", ("kubernetes",), "kubernetes_conn_id")
