"""What a job brings: read, refused where it enters, and told to its engine."""

from __future__ import annotations

import io
import zipfile

import pytest

from dcluster_provider.core.addresses import Reader
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_dependencies,
    check_requirements,
    dependencies_of,
    pack,
    packed_environment,
    requirement_lines,
)
from dcluster_provider.engines.flink import dependencies as flink
from dcluster_provider.engines.flink.dependencies import join_jars
from dcluster_provider.engines.spark import dependencies as spark

JOB = {"client": "team", "module": "etl", "application": "etl.py"}


def read(**fields) -> JobSpec:
    return parse(JobSpec, JOB | fields)


def test_a_list_or_text_with_commas_names_them():
    assert read(jars="a.jar, s3a://b/c.jar").jars == ("a.jar", "s3a://b/c.jar")
    assert read(jars=["a.jar"]).jars == ("a.jar",)
    assert read(packages="org.acme:tool:1.2").packages == ("org.acme:tool:1.2",)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"packages": ["org.acme:tool"]},
            "field packages.*'org.acme:tool' is no Maven package; write group:artifact",
        ),
        ({"excludePackages": ["a:b:1"]}, "field excludePackages.*'a:b:1' is no Maven module"),
        (
            {"jobType": "flink", "packages": ["a:b:1"]},
            "field packages: means nothing to Flink, whose jobs bring pyFiles",
        ),
        ({"jobType": "flink", "files": ["a"]}, "field files: means nothing to Flink"),
        ({"jars": [""]}, "field jars"),
        ({"pyfiles": ["a.py"]}, "unknown field 'pyfiles'; did you mean 'py_files'"),
    ],
)
def test_what_cannot_be_is_refused_where_it_enters(fields, told):
    with pytest.raises(InvalidSpec, match=told):
        read(**fields)


def test_a_setting_that_names_some_too_is_refused():
    with pytest.raises(
        InvalidSpec, match=r"field pyFiles: extraCmd says the same in another way, in spark\.submit\.pyFiles"
    ):
        spark.check_settings(read(pyFiles=["a.py"], extraCmd={"spark.submit.pyFiles": "b.py"}))
    with pytest.raises(InvalidSpec, match=r"field excludePackages: .* in spark\.jars\.excludes"):
        spark.check_settings(read(excludePackages=["a:b"], extraCmd={"spark.jars.excludes": "c:d"}))
    with pytest.raises(InvalidSpec, match=r"field jars: .* in pipeline\.jars"):
        flink.check_settings(read(jobType="flink", jars=["a.jar"], extraCmd={"pipeline.jars": "b.jar"}))
    with pytest.raises(InvalidSpec, match="field pyFiles: the application is a jar"):
        flink.check_settings(read(jobType="flink", application="a.jar", pyFiles=["a.py"]))


def test_files_of_this_machine_have_to_be_there_and_what_their_field_is_for(tmp_path):
    (tmp_path / "rates.py").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "package").mkdir()
    good = {"pyFiles": [f"{tmp_path}/rates.py", f"{tmp_path}/package"], "files": [f"{tmp_path}/notes.txt"]}
    check_dependencies(read(**good, jars=["s3a://bucket/any.jar"]))
    for fields, told in (
        (
            {"pyFiles": [f"{tmp_path}/rate.py"]},
            "field pyFiles: .*rate.py is missing; did you mean 'rates.py'",
        ),
        (
            {"files": [f"{tmp_path}/package"]},
            "field files: .*package is a folder; it has to be a file on this machine",
        ),
        ({"jars": [f"{tmp_path}/notes.txt"]}, "field jars: notes.txt is none of .jar"),
        ({"pyFiles": ["x-1-cp311-cp311-linux_x86_64.whl"]}, "field pyFiles: .* name it in requirements"),
        (
            {"pyFiles": ["s3a://b/x-1-py3-none-any.whl"]},
            "field pyFiles: .* is a wheel that the job itself would read",
        ),
    ):
        with pytest.raises(InvalidSpec, match=told):
            check_dependencies(read(**fields))


def test_spark_is_told_by_its_settings():
    spec = read(
        pyFiles=["/a.py", "/lib"],
        archives=["/data.zip#data"],
        packages=["g:a:1", "g:b:2"],
        repositories=["https://maven.local/r"],
        excludePackages=["g:c"],
    )
    assert spark.dependency_settings(spec, lambda each: f"/pod{each.path}") == {
        "spark.submit.pyFiles": "/pod/a.py,/pod/lib",
        "spark.archives": "/pod/data.zip#data",
        "spark.jars.packages": "g:a:1,g:b:2",
        "spark.jars.repositories": "https://maven.local/r",
        "spark.jars.excludes": "g:c",
    }


def test_flink_is_told_by_its_settings():
    spec = read(jobType="flink", pyFiles=["/a.py"], archives=["/d.zip#data"], jars=["/x.jar", "/y.jar"])
    assert flink.dependency_settings(spec, lambda each: str(each.path)) == {
        "python.files": "/a.py",
        "python.archives": "/d.zip#data",
    }


def test_a_folder_is_known_by_its_name_alone():
    brought = dependencies_of(
        read(pyFiles=["/lib", "/b.whl"], files=["/names"], archives=["/data#d", "/e.tgz"])
    )
    assert [each.is_folder for each in brought] == [True, False, False, True, False]


def test_a_package_is_packed_below_its_name_and_an_archive_without(tmp_path):
    package = tmp_path / "rates"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__pycache__" / "x.pyc").touch()
    into = tmp_path / "packed"
    into.mkdir()
    assert zipfile.ZipFile(pack(Dependency("py_files", 0, str(package)), into)).namelist() == [
        "rates/__init__.py"
    ]
    assert zipfile.ZipFile(pack(Dependency("archives", 1, str(package)), into)).namelist() == ["__init__.py"]


def test_a_wheel_and_equal_names_are_kept_apart_on_their_way(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x-1-py3-none-any.whl").write_bytes(folder.encode())
    spec = read(pyFiles=[f"{tmp_path}/{folder}/x-1-py3-none-any.whl" for folder in ("a", "b")])
    packed = [pack(each, tmp_path / "packed") for each in dependencies_of(spec)]
    assert [path.read_bytes() for path in packed] == [b"a", b"b"]
    assert {path.suffix for path in packed} == {".zip"}  # the only name by which Spark takes it


def test_pip_is_told_of_packages_files_and_wheels():
    files = ["/opt/requirements.txt", "taxes-1.0-py3-none-any.whl"]
    spec = read(requirements=["pandas>=2,<3", *files, "tool @ https://host/tool-1.zip"])
    assert requirement_lines(spec, lambda each: f"/pod{each.path.name}") == (
        "pandas>=2,<3\n-r /podrequirements.txt\n/podtaxes-1.0-py3-none-any.whl\ntool @ https://host/tool-1.zip\n"
    )
    assert read(requirements="pandas>=2,<3").requirements == ("pandas>=2,<3",)


def test_requirements_that_pip_cannot_read_are_refused(tmp_path):
    (tmp_path / "more.txt").write_text("six\n-r base.txt\n")
    with pytest.raises(
        InvalidSpec, match=r"field requirements: 'pandas==' is no requirement: .*pandas==2.2.3"
    ):
        check_requirements(read(requirements=["six", "pandas=="]))
    with pytest.raises(InvalidSpec, match=r"field requirements: .*more.txt names another file \(-r\)"):
        check_requirements(read(requirements=[f"{tmp_path}/more.txt"]))
    with pytest.raises(InvalidSpec, match="field requirements: the application is a jar"):
        spark.check_settings(read(application="a.jar", requirements=["six"]))
    with pytest.raises(InvalidSpec, match=r"field requirements: .* in spark\.pyspark\.python"):
        spark.check_settings(read(requirements=["six"], extraCmd={"spark.pyspark.python": "python3"}))


def test_a_packed_environment_is_all_that_a_job_requires(tmp_path):
    packed = read(requirements=["s3://lake/envs/etl.tar.gz"])
    assert packed_environment(packed).address == "s3://lake/envs/etl.tar.gz"
    assert packed_environment(read(requirements=["s3://lake@bucket/etl.tgz"])).reader is Reader.AIRFLOW
    assert packed_environment(read(requirements=["six", "more.txt"])) is None
    assert packed_environment(read(requirements=["tool @ https://host/tool-1.tar.gz"])) is None
    for setting in ("python.archives", "python.client.executable"):
        with pytest.raises(InvalidSpec, match=f"field requirements: .* in {setting}"):
            flink.check_settings(read(jobType="flink", requirements=["etl.tgz"], extraCmd={setting: "x"}))
    with pytest.raises(
        InvalidSpec, match=r"field requirements: etl\.tgz is a packed environment, which is all"
    ):
        check_requirements(read(requirements=["etl.tgz", "six"]))
    with pytest.raises(InvalidSpec, match=r"field requirements: .*etl\.tgz is missing"):
        check_dependencies(read(requirements=[f"{tmp_path}/etl.tgz"]))


def test_drivers_and_executors_run_the_python_of_a_packed_environment():
    assert spark.with_packed_environment({"spark.archives": "d.zip#d"}, "/pod/etl.tgz", "/pod/own") == {
        "spark.archives": "d.zip#d,/pod/etl.tgz#requirements",
        "spark.pyspark.driver.python": "/pod/own/bin/python",
        "spark.pyspark.python": "./requirements/bin/python",
    }


def test_clients_and_tasks_of_flink_run_the_python_of_a_packed_environment():
    spec = read(jobType="flink", archives=["d.zip#d"], requirements=["etl.tgz"])
    settings = flink.dependency_settings(spec, lambda each: f"/pod/{each.address}", unpacked="/pod/own")
    assert settings == {
        "python.archives": "/pod/d.zip#d,/pod/etl.tgz#requirements",
        "python.client.executable": "/pod/own/bin/python",
        "python.executable": "requirements/bin/python",
    }
    assert flink.dependency_settings(read(jobType="flink", requirements=["etl.tgz"]), str) == {}


def test_executors_find_installed_requirements_beside_what_else_is_unpacked_for_them():
    given = {"spark.archives": "d.zip#d", "spark.executorEnv.PYTHONPATH": "/opt/lib", "spark.ui.port": "0"}
    assert spark.with_installed_requirements(given, "/pod/r.tar") == {
        "spark.archives": "d.zip#d,/pod/r.tar#requirements",
        "spark.executorEnv.PYTHONPATH": "requirements:/opt/lib",
        "spark.ui.port": "0",
    }


def test_jars_travel_in_the_library_folder_of_one():
    joined = io.BytesIO()
    application = io.BytesIO()
    with zipfile.ZipFile(application, "w") as jar:
        jar.writestr("Main.class", b"main")
    application.seek(0)
    join_jars(joined, application, [io.BytesIO(b"one"), io.BytesIO(b"two")])
    with zipfile.ZipFile(joined) as jar:
        assert {name: jar.read(name) for name in jar.namelist()} == {
            "Main.class": b"main",
            "lib/0.jar": b"one",
            "lib/1.jar": b"two",
        }
