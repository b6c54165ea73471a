"""What connections of type aws say of S3."""

from __future__ import annotations

import json

import pytest

from dcluster_provider.core.addresses import StorageEndpoint
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.storage.object_storage import AirflowObjectStorage

KEY = {"login": "key", "password": "hush-hush"}
OF_KEY = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush-hush"}


@pytest.fixture
def storage(monkeypatch):
    """Object storage, with a connection ``lake`` of these fields."""

    def connected(**fields):
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws"} | fields))
        return AirflowObjectStorage()

    return connected


def test_a_key_and_a_store_of_ones_own(storage):
    found = storage(**KEY, extra={"endpoint_url": "https://s3.acme.org", "region_name": "eu-west-1"})
    assert found.endpoint("lake") == StorageEndpoint("https://s3.acme.org", "eu-west-1", path_style=True)
    assert found.credentials("lake") == OF_KEY


def test_the_endpoint_of_s3_comes_before_that_of_every_service(storage):
    extra = {
        "endpoint_url": "https://aws.acme.org",
        "service_config": {"s3": {"endpoint_url": "https://s3.acme.org"}},
    }
    assert storage(**KEY, extra=extra).endpoint("lake").url == "https://s3.acme.org"


@pytest.mark.parametrize(
    ("extra", "path_style"),
    [
        ({}, False),
        ({"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, False),
        ({"endpoint_url": "https://s3.acme.org"}, True),
        (
            {"endpoint_url": "https://s3.acme.org", "config_kwargs": {"s3": {"addressing_style": "virtual"}}},
            False,
        ),
        ({"config_kwargs": {"s3": {"addressing_style": "path"}}}, True),
    ],
)
def test_buckets_are_in_paths_where_no_host_has_their_names(extra, path_style, storage):
    assert storage(**KEY, extra=extra).endpoint("lake").path_style is path_style


def test_a_session_has_a_token(storage):
    assert storage(**KEY, extra={"aws_session_token": "of-a-session"}).credentials("lake") == OF_KEY | {
        "AWS_SESSION_TOKEN": "of-a-session"
    }


def test_a_connection_without_a_key_leaves_jobs_to_the_role_of_their_pod(storage, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-worker")
    assert storage(extra={"region_name": "eu-west-1"}).credentials("lake") == {}


@pytest.mark.parametrize("asked", ["endpoint", "credentials"])
def test_a_connection_of_another_type_and_none_at_all_are_refused(asked, storage):
    with pytest.raises(InvalidSpec, match="field storageConnId: the connection 'lake' is of type 'http'"):
        getattr(storage(conn_type="http"), asked)("lake")
    with pytest.raises(InvalidSpec, match=r"storageConnId: .*none.* isn't defined; name one of type 'aws'"):
        getattr(AirflowObjectStorage(), asked)("none")
