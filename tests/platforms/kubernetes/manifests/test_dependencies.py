"""What a job brings travels with its application, in one archive, or is in the image."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from contextlib import nullcontext

import pytest
from brought import data, package
from folder_storage import FolderStorage
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.addresses import NO_STORAGE
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.engines.dependencies import dependencies_of
from dcluster_provider.platforms.kubernetes.manifests.application_files import (
    PART_BYTES,
    check_application,
    parcel,
    path_in_pod,
    pieces,
    put_together,
)
from dcluster_provider.platforms.kubernetes.manifests.dependencies import (
    location_in_pod,
    requirements_file,
    travelling,
    unbundled,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import SCRATCH


@pytest.fixture
def spec(tmp_path):
    application = tmp_path / "etl.py"
    application.write_text("import rates")
    fields = {"py_files": [str(package(tmp_path))], "archives": [f"{data(tmp_path)}#tables"]}
    return make_job(make_cluster(), application=str(application), jars=["s3a://b/x.jar"], **fields).spec


def test_one_archive_holds_the_application_and_all_that_is_of_this_machine(spec, tmp_path):
    content = parcel(spec, tmp_path).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == ["etl.py", "dependencies/0/rates.zip", "dependencies/2/tables.zip"]
    assert f"| tar -xz -C {SCRATCH} ||" in put_together(spec, 1)
    assert path_in_pod(spec, 1).endswith("/etl.py")


def test_a_pod_finds_it_where_it_is_unpacked_and_an_address_where_it_is(spec):
    places = [location_in_pod(spec, each) for each in dependencies_of(spec)]
    assert places[0].endswith("/dependencies/0/rates.zip")
    assert places[1] == "s3a://b/x.jar"
    assert places[2].endswith("/dependencies/2/tables.zip")


def test_whoever_starts_the_job_need_not_have_the_files(spec, tmp_path):
    before = [location_in_pod(spec, each) for each in travelling(spec)]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    (tmp_path / "rates").rmdir()
    assert [location_in_pod(spec, each) for each in travelling(spec)] == before


def test_what_is_too_large_to_travel_is_refused_with_its_field(tmp_path):
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(17 * 2**20)
    (tmp_path / "etl.py").touch()
    spec = make_job(make_cluster(), application=str(tmp_path / "etl.py"), files=[str(large)]).spec
    with pytest.raises(
        InvalidSpec, match="field files: the files have 17 MiB, and what travels with the job at most 16"
    ):
        check_application(spec, NO_STORAGE)


def test_what_flinks_client_does_not_read_is_brought_to_it(tmp_path):
    (tmp_path / "etl.py").touch()
    flink = {"application": str(tmp_path / "etl.py"), "job_type": "flink"}
    check_application(
        make_job(make_cluster(type="flink"), **flink, jars=["local:///opt/x.jar"]).spec, NO_STORAGE
    )
    spec = make_job(make_cluster(type="flink"), **flink, jars=["s3a://b/x.jar"]).spec
    storage = FolderStorage(tmp_path)
    with pytest.raises(InvalidSpec, match=r"field jars: there is nothing at s3a://b/x\.jar"):
        check_application(spec, storage)
    storage.put("s3a://b/x.jar", b"")
    check_application(spec, storage)
    assert [each.place for each in travelling(spec)] == ["0/x.jar"]


def test_many_bytes_travel_in_parts(tmp_path):
    (tmp_path / "noise.bin").write_bytes(os.urandom(PART_BYTES))
    (tmp_path / "etl.py").touch()
    spec = make_job(
        make_cluster(), application=str(tmp_path / "etl.py"), files=[str(tmp_path / "noise.bin")]
    ).spec
    first, second = pieces(parcel(spec, tmp_path).read_bytes())
    assert len(first) == PART_BYTES > len(second)


def test_requirements_are_installed_before_the_job_starts(tmp_path):
    (tmp_path / "etl.py").touch()
    (tmp_path / "more.txt").touch()
    fields = {
        "application": str(tmp_path / "etl.py"),
        "requirements": ["six==1.16", str(tmp_path / "more.txt")],
    }
    spec = make_job(make_cluster(), **fields).spec
    assert requirements_file(spec) == {
        "requirements.txt": f"six==1.16\n-r {SCRATCH}/dependencies/0/more.txt\n"
    }
    script = put_together(spec, 1)
    assert script.index("tar -xz") < script.index("-r /etc/dcluster/job/requirements.txt || exit 1")
    assert "pip install" not in put_together(make_job(make_cluster()).spec, 1)


def test_flink_gets_the_jars_of_an_application_by_the_way_of_the_application(tmp_path):
    for name in ("etl.jar", "lib.jar"):
        with zipfile.ZipFile(tmp_path / name, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Main-Class: Main\n")
    own, image = str(tmp_path / "lib.jar"), "local:///opt/lib.jar"
    for application, jars, fits in (
        (str(tmp_path / "etl.jar"), own, True),
        ("local:///opt/etl.jar", image, True),
        (str(tmp_path / "etl.jar"), image, False),
        ("local:///opt/etl.jar", own, False),
    ):
        spec = make_job(
            make_cluster(type="flink"), application=application, job_type="flink", jars=[jars]
        ).spec
        with nullcontext() if fits else pytest.raises(InvalidSpec, match=r"field jars: .* both in the image"):
            check_application(spec, NO_STORAGE)


def test_a_packed_environment_is_unpacked_and_nothing_installed(tmp_path):
    packed = tmp_path / "etl.tar.gz"
    packed.write_bytes(b"")
    (tmp_path / "etl.py").touch()
    spec = make_job(make_cluster(), application=str(tmp_path / "etl.py"), requirements=[str(packed)]).spec
    assert requirements_file(spec) == {}
    script = put_together(spec, 1)
    assert f"tar -xf {SCRATCH}/dependencies/0/etl.tar.gz -C {SCRATCH}/requirements" in script
    assert "pip" not in script


def test_what_was_bundled_is_found_again_in_its_order(spec, tmp_path):
    application, rates, tables = unbundled(parcel(spec, tmp_path).read_bytes())
    assert application == b"import rates"
    assert zipfile.ZipFile(io.BytesIO(rates)).namelist() == ["rates/__init__.py", "rates/table.py"]
    assert zipfile.ZipFile(io.BytesIO(tables)).namelist() == ["table.txt"]
