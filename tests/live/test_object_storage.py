"""Addresses are read through Airflow from a real S3 server, and over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import urlopen

import pytest
from s3_server import BUCKET, s3_server

from dcluster_provider.core.addresses import StoredFile
from dcluster_provider.core.errors import InvalidSpec, PlatformRefused, PlatformUnavailable
from dcluster_provider.storage import object_storage
from dcluster_provider.storage.object_storage import AirflowObjectStorage


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        server.put("jobs/etl.py", b"print()")
        server.put("jobs/rates/__init__.py", b"")
        server.put("jobs/rates/table.py", b"x = 1\n")
        yield server


@pytest.fixture
def storage(server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", server.connection())
    wrong = json.loads(server.connection()) | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps(wrong))
    dead = json.loads(server.connection()) | {"extra": {"endpoint_url": "http://127.0.0.1:1"}}
    monkeypatch.setenv("AIRFLOW_CONN_DEAD", json.dumps(dead))
    return AirflowObjectStorage()


def test_files_and_folders_are_found_and_fetched(storage, tmp_path):
    assert storage.find(f"s3://lake@{BUCKET}/jobs/etl.py") == StoredFile(7)
    assert storage.find(f"s3://{BUCKET}/jobs/etl.py", "lake") == StoredFile(7)
    # The connection of the address is the one that counts.
    assert storage.find(f"s3://lake@{BUCKET}/jobs/rates", "dead") == StoredFile(6, is_folder=True)
    assert storage.find(f"s3://lake@{BUCKET}/jobs/none.py") is None
    storage.fetch(f"s3://lake@{BUCKET}/jobs/etl.py", tmp_path / "one" / "etl.py")
    storage.fetch(f"s3://lake@{BUCKET}/jobs/rates", tmp_path / "rates")
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["one/etl.py", "rates/__init__.py", "rates/table.py"]
    assert (tmp_path / "one" / "etl.py").read_bytes() == b"print()"


def test_what_was_put_since_is_seen(storage, server):
    address = f"s3://lake@{BUCKET}/late/etl.py"
    assert storage.find(address) is None
    server.put("late/etl.py", b"")
    assert storage.find(address) == StoredFile(0)


def test_a_connection_that_was_corrected_is_used_at_once(storage, server, monkeypatch):
    wrong = json.loads(server.connection()) | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_MENDED", json.dumps(wrong))
    with pytest.raises(PlatformRefused):
        storage.find(f"s3://mended@{BUCKET}/jobs/etl.py")
    monkeypatch.setenv("AIRFLOW_CONN_MENDED", server.connection())
    assert storage.find(f"s3://mended@{BUCKET}/jobs/etl.py") == StoredFile(7)


def test_what_cannot_be_read_says_why_and_leaves_nothing(storage, tmp_path):
    for connection, error, told in (
        ("wrong", PlatformRefused, r"\[PermissionMissing\]"),
        ("dead", PlatformUnavailable, "cannot be read now: .*Could not connect"),
        ("none", InvalidSpec, "`none` isn't defined; name one in the address"),
    ):
        with pytest.raises(error, match=told):
            storage.find(f"s3://{connection}@{BUCKET}/jobs/etl.py")
        with pytest.raises(error, match=told):
            storage.fetch(f"s3://{connection}@{BUCKET}/jobs/etl.py", tmp_path / "etl.py")
    with pytest.raises(InvalidSpec, match="there is nothing at"):
        storage.fetch(f"s3://lake@{BUCKET}/jobs/none.py", tmp_path / "none.py")
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_nothing_reads_names_the_nearest(storage):
    with pytest.raises(
        InvalidSpec, match=r"reads no htps:// addresses; did you mean 'https?'.*provider of their store"
    ):
        storage.find("htps://bucket/etl.py")


def test_web_addresses_are_read_too(storage, tmp_path, http_folder):
    (tmp_path / "etl.py").write_bytes(b"print()")
    address = http_folder(tmp_path)
    assert storage.find(f"{address}/etl.py") == StoredFile(7)
    assert storage.find(f"{address}/none.py") is None
    storage.fetch(f"{address}/etl.py", tmp_path / "fetched.py")
    assert (tmp_path / "fetched.py").read_bytes() == b"print()"
    with pytest.raises(PlatformUnavailable, match="Cannot connect to host"):
        storage.find("http://127.0.0.1:1/etl.py")


def test_a_file_is_shared_once_and_read_by_its_link(storage, server, tmp_path):
    file = tmp_path / "parcel"
    file.write_bytes(b"content")
    shared = storage.share(file, f"s3://lake@{BUCKET}/staging/")
    with urlopen(shared.link) as answer:
        assert answer.read() == b"content"
    assert shared.link.partition("?")[2]  # signed
    again = storage.share(file, f"s3://lake@{BUCKET}/staging")
    assert again.address == shared.address
    assert len(server.keys("staging/")) == 1
    file.write_bytes(b"other content")
    assert storage.share(file, f"s3://lake@{BUCKET}/staging").address != shared.address
    assert storage.find(shared.address) == StoredFile(7)
    with pytest.raises(PlatformRefused, match="store does not let this connection"):
        storage.share(file, f"s3://wrong@{BUCKET}/staging")


def test_shared_files_go_when_their_links_are_no_longer_valid(storage, server, tmp_path, monkeypatch):
    file, folder = tmp_path / "parcel", f"s3://lake@{BUCKET}/aging"
    file.write_bytes(b"old")
    old = storage.share(file, folder)
    server.put("aging/of-somebody-else", b"")
    monkeypatch.setattr(object_storage, "_KEPT", timedelta(seconds=-1))  # everything is too old
    file.write_bytes(b"new")
    storage.share(file, folder)
    assert storage.find(old.address) is None
    assert "aging/of-somebody-else" in server.keys("aging/")
