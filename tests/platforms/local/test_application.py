"""Applications that can be run from this machine, and what they are told."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from folder_storage import FolderStorage
from local_platform import make_cluster, make_job

from dcluster_provider.core.addresses import NO_STORAGE
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.application import handed_environment
from dcluster_provider.platforms.local.checks import (
    application_location,
    check_application,
)
from dcluster_provider.platforms.local.sql_files import write_sql_program


def spec(application, **more):
    return JobSpec(client="team", module="etl", application=str(application), **more)


def jar(path, manifest):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("META-INF/MANIFEST.MF", manifest)
    return path


def test_a_file_is_found_by_its_path_and_by_its_address(tmp_path, monkeypatch):
    application = tmp_path / "etl.py"
    application.touch()
    monkeypatch.chdir(tmp_path)
    for written in (application, f"file://{application}", "etl.py"):
        check_application(spec(written), NO_STORAGE)
        assert application_location(spec(written)) == str(application)


@pytest.mark.parametrize("remote", ["s3a://bucket/etl.py", "hdfs:///etl.jar", "https://host/etl.jar"])
def test_spark_reads_its_own_addresses_and_airflow_reads_them_for_flink(remote, tmp_path):
    check_application(spec(remote), NO_STORAGE)
    assert application_location(spec(remote)) == remote
    storage = FolderStorage(tmp_path)
    with pytest.raises(InvalidSpec, match="field application: there is nothing at"):
        check_application(spec(remote, job_type="flink"), storage)
    storage.put(remote, b"")
    check_application(spec(remote, job_type="flink"), storage)


def test_a_file_of_an_image_is_nothing_to_flink_on_this_machine():
    with pytest.raises(InvalidSpec, match=r"field application: .* is a file of an image"):
        check_application(spec("local:///opt/etl.jar", job_type="flink"), NO_STORAGE)


@pytest.mark.parametrize("job_type", ["spark3", "flink"])
def test_an_environment_of_an_image_is_nothing_on_this_machine(job_type, tmp_path):
    (tmp_path / "etl.py").touch()
    asked = spec(tmp_path / "etl.py", job_type=job_type, requirements="local:///opt/etl.tar.gz")
    with pytest.raises(InvalidSpec, match=r"field requirements: .* is a file of an image"):
        check_application(asked, NO_STORAGE)


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "text.jar").write_text("no jar")
    (tmp_path / "empty.sql").write_text("-- nothing; yet\n")
    (tmp_path / "open.sql").write_text("SELECT 1;\nSELECT 'x")
    (tmp_path / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    for written, message in (
        ("", "is empty"),
        (tmp_path / "none.py", "is missing"),
        (tmp_path / "folder.py", "is a folder"),
        (tmp_path / "text.jar", "not a jar that can be read"),
        (tmp_path / "empty.sql", "has no statement in it"),
        (tmp_path / "open.sql", "no SQL that can be read: the quote ' on line 2 is never closed"),
        (tmp_path / "latin.sql", "no SQL that can be read: 'utf-8' codec can't decode"),
    ):
        for engine in ("spark3", "flink"):
            with pytest.raises(InvalidSpec, match=f"field application: .*{message}"):
                check_application(spec(written, job_type=engine), NO_STORAGE)


@pytest.mark.parametrize("engine", ["spark3", "flink"])
def test_sql_needs_no_file(engine):
    check_application(spec("", sql="SELECT 1", job_type=engine), NO_STORAGE)


def test_a_missing_file_of_sql_may_be_meant_as_a_template(tmp_path):
    with pytest.raises(
        InvalidSpec, match=r"none\.sql is missing; .*; a template of Airflow is named in sql$"
    ):
        check_application(spec(tmp_path / "none.sql"), NO_STORAGE)


@pytest.mark.parametrize("engine", ["spark3", "flink"])
def test_sql_and_what_runs_it_become_files_that_nobody_else_reads(tmp_path, engine):
    given = spec("", sql="SELECT 'é'", job_type=engine)
    program, file = (Path(each) for each in write_sql_program(given, tmp_path))
    assert (program.name, file.read_text(encoding="utf-8")) == ("sql_runner.py", given.sql)
    assert [path.name for path in program.parent.iterdir()] == [program.name]
    assert file.stat().st_mode & 0o777 == 0o600
    (tmp_path / "a.sql").write_text("SELECT 1")
    named = write_sql_program(spec(tmp_path / "a.sql", job_type=engine), tmp_path)
    assert named == (str(program), str(tmp_path / "a.sql"))


def test_a_jar_has_to_name_its_class_or_the_job_has_to(tmp_path):
    silent = jar(tmp_path / "silent.jar", "Manifest-Version: 1.0\n")
    with pytest.raises(InvalidSpec, match="field mainClass: is empty"):
        check_application(spec(silent), NO_STORAGE)
    check_application(spec(silent, main_class="a.B"), NO_STORAGE)
    check_application(
        spec(jar(tmp_path / "telling.jar", "Manifest-Version: 1.0\nMain-Class: a.B\n")), NO_STORAGE
    )


def test_the_environment_names_the_job_and_its_pipeline():
    cluster = make_cluster()
    job = make_job(cluster, pipeline_version="v1", module_type="batch")
    found = handed_environment(job, cluster)
    assert found["DCLUSTER_CLIENT"] == "team"
    assert found["DCLUSTER_JOB_ID"] == str(job.id)
    assert found["DCLUSTER_CLUSTER_NAME"] == cluster.name
    assert (found["DCLUSTER_PIPELINE_VERSION"], found["DCLUSTER_MODULE_TYPE"]) == ("v1", "batch")
