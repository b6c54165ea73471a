"""Files of jobs that Airflow reads."""

from __future__ import annotations

import io
import zipfile

import pytest
from folder_storage import FolderStorage

from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.fetched_files import fetch_files, find_files


@pytest.fixture
def storage(tmp_path):
    return FolderStorage(tmp_path / "storage")


def spec(**fields):
    return JobSpec(**({"client": "c", "module": "m", "jobType": "spark4"} | fields))


def test_every_field_takes_what_airflow_reads_and_leaves_what_others_do(storage, tmp_path):
    storage.put("s3://b/etl.py", b"print()")
    storage.put("gs://lake@b/rates/__init__.py", b"")
    storage.put("s3://b/names.zip", b"zip")
    storage.put("s3://b/more.txt", b"six\n")
    wanted = spec(
        application="s3://b/etl.py",
        pyFiles=["gs://lake@b/rates"],
        jars=["s3a://b/read-by-spark.jar", "local:///opt/of-the-image.jar"],
        archives=["s3://b/names.zip#names"],
        requirements=["s3://b/more.txt", "https://host/read-by-pip.txt", "numpy"],
    )
    assert sorted(find_files(wanted, storage)) == [
        "gs://lake@b/rates",
        "s3://b/etl.py",
        "s3://b/more.txt",
        "s3://b/names.zip",
    ]
    found = fetch_files(wanted, storage, tmp_path / "fetched")
    folder = str(tmp_path / "fetched")
    assert found.application == f"{folder}/application/etl.py"
    assert found.py_files == (f"{folder}/0/rates",)
    assert found.jars == wanted.jars
    assert found.archives == (f"{folder}/3/names.zip#names",)
    assert found.requirements == (f"{folder}/4/more.txt", *wanted.requirements[1:])
    assert (tmp_path / "fetched/0/rates/__init__.py").exists()


def test_a_second_time_fetches_what_is_not_there_yet(storage, tmp_path):
    storage.put("s3://b/etl.py", b"print()")
    wanted = spec(application="s3://b/etl.py")
    assert fetch_files(wanted, storage, tmp_path) == fetch_files(wanted, storage, tmp_path)
    assert storage.fetched == [("s3://b/etl.py", "")]


def test_nothing_is_fetched_for_files_of_this_machine(storage, tmp_path):
    wanted = spec(application="/opt/etl.py")
    assert fetch_files(wanted, storage, tmp_path / "none") is wanted
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"application": "s3://b/etl.py"}, "field application: there is nothing at s3://b/etl.py"),
        (
            {"application": "/etl.py", "jars": ["s3://b/x.jar"]},
            "field jars: there is nothing at s3://b/x.jar",
        ),
        ({"application": "/etl.py", "files": ["s3://b/folder"]}, "field files: s3://b/folder is a folder"),
    ],
)
def test_what_is_not_there_is_refused_with_its_field(fields, told, storage):
    storage.put("s3://b/folder/x", b"")
    with pytest.raises(InvalidSpec, match=told):
        find_files(spec(**fields), storage)


def test_what_was_fetched_is_checked_as_files_of_this_machine_are(storage, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    storage.put("s3://b/etl.jar", content.getvalue())
    with pytest.raises(PlatformRefused, match="field mainClass: is empty"):
        fetch_files(spec(application="s3://b/etl.jar"), storage, tmp_path / "fetched")
    fetched = fetch_files(spec(application="s3://b/etl.jar", mainClass="a.B"), storage, tmp_path / "fetched")
    assert fetched.application.endswith("/etl.jar")
