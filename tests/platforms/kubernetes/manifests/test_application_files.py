"""Applications on their way into a pod."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from folder_storage import FolderStorage
from kubernetes_platform import PLACE, make_cluster, make_job

from dcluster_provider.core.addresses import NO_STORAGE
from dcluster_provider.core.errors import InvalidSpec, PlatformUnavailable
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.fetched_files import fetch_files
from dcluster_provider.platforms.kubernetes.engine_table import POD_ENGINES
from dcluster_provider.platforms.kubernetes.flink import clients as flink_client_manifests
from dcluster_provider.platforms.kubernetes.flink import jobs as flink_jobs
from dcluster_provider.platforms.kubernetes.manifests.application_files import (
    LINK,
    LINKED,
    MAX_BYTES,
    PART_BYTES,
    check_application,
    parcel,
    path_in_pod,
    pieces,
    put_together,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import drivers as driver_manifests


def job_spec(application, **fields):
    return JobSpec(**({"client": "c", "module": "m", "application": str(application)} | fields))


def travelling(spec, folder):
    """What travels with a job, in its pieces."""
    return pieces(parcel(spec, folder).read_bytes())


def test_a_small_file_is_one_piece_and_keeps_its_name(tmp_path):
    path = tmp_path / "etl job.py"
    path.write_bytes(b"print()")
    check_application(job_spec(path), NO_STORAGE)
    assert travelling(job_spec(path), tmp_path) == [b"print()"]
    assert path_in_pod(job_spec(path), 0) == "/etc/dcluster/job/etl_job.py"


@pytest.mark.parametrize("job_type", ["spark4", "flink"])
def test_sql_is_a_file_in_the_pod(job_type, tmp_path):
    spec = job_spec("", sql="SELECT 'é'", job_type=job_type)
    check_application(spec, NO_STORAGE)
    assert travelling(spec, tmp_path) == ["SELECT 'é'".encode()]
    assert path_in_pod(spec, 0) == "/etc/dcluster/job/statements.sql"


def test_sql_without_a_statement_is_refused(tmp_path):
    path = tmp_path / "empty.sql"
    path.write_text("-- nothing")
    with pytest.raises(InvalidSpec, match=r"field application: .* has no statement in it"):
        check_application(job_spec(path), NO_STORAGE)


def test_a_large_file_travels_in_pieces_that_make_it_up(tmp_path):
    path = tmp_path / "etl.py"
    path.write_bytes(bytes(range(256)) * 8000)
    check_application(job_spec(path), NO_STORAGE)
    found = travelling(job_spec(path), tmp_path)
    assert [len(piece) for piece in found] == [PART_BYTES, PART_BYTES, 2048000 - 2 * PART_BYTES]
    assert b"".join(found) == path.read_bytes()
    assert path_in_pod(job_spec(path), 3) == "/var/dcluster/etl.py"


def test_the_pod_of_a_large_file_mounts_its_parts_in_order():
    cluster = make_cluster()
    job = make_job(cluster)
    made = driver_manifests.driver(KubernetesSettings(), job, cluster, PLACE, 2)
    (volume,) = (it for it in made["spec"]["template"]["spec"]["volumes"] if it["name"] == "parts")
    assert [
        (it["secret"]["name"], it["secret"]["items"][0]["path"]) for it in volume["projected"]["sources"]
    ] == [
        ("job-11-fedcba98-1-000", "000"),
        ("job-11-fedcba98-1-001", "001"),
    ]


def test_what_is_too_large_is_refused_with_where_to_put_it(tmp_path):
    path = tmp_path / "fat.py"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 2**20)
    told = r"field application: .* has 17 MiB, .* at most 16; name a folder in the connection's field staging"
    with pytest.raises(InvalidSpec, match=told):
        check_application(job_spec(path), NO_STORAGE)


def test_a_file_that_is_on_another_machine_is_waited_for(tmp_path):
    with pytest.raises(
        PlatformUnavailable, match=r"field application: .*gone.py cannot be read on .*No such file"
    ):
        parcel(job_spec(tmp_path / "gone.py"), tmp_path)


def test_a_missing_file_is_refused_and_what_is_elsewhere_is_not(tmp_path):
    with pytest.raises(InvalidSpec, match=r"field application: .* is missing; .*local:///"):
        check_application(job_spec(tmp_path / "none.py"), NO_STORAGE)
    for application in ("local:///opt/app/etl.py", "s3a://bucket/etl.py", "https://example.com/etl.jar"):
        check_application(job_spec(application), NO_STORAGE)


def test_flink_runs_a_jar_of_the_image_by_a_client_and_others_by_the_jobmanager():
    cluster = make_cluster(type="flink")
    inside = make_job(
        cluster, application="local:///opt/app/etl.jar", main_class="com.example.Etl", args=("1",)
    )
    assert not flink_jobs.is_jar(inside)
    made = flink_client_manifests.client(KubernetesSettings(), inside, cluster, PLACE)
    (engine,) = made["spec"]["template"]["spec"]["containers"]
    assert engine["args"] == ["-c", "com.example.Etl", "/opt/app/etl.jar", "1"]
    assert flink_jobs.is_jar(make_job(cluster, application="/opt/etl.jar"))


def test_arguments_reach_the_container_as_they_were_given():
    cluster = make_cluster()
    job = make_job(cluster, args=("$(POD_IP)", "$$5", "größer\n", ""), pipeline_config="$(POD_NAME)")
    made = driver_manifests.driver(KubernetesSettings(), job, cluster, PLACE)
    (engine,) = made["spec"]["template"]["spec"]["containers"]
    # Kubernetes replaces $(NAME) and makes $ of $$.
    assert engine["args"][-4:] == ["$$(POD_IP)", "$$$$5", "größer\n", ""]
    env = {each["name"]: each.get("value") for each in engine["env"]}
    assert env["DCLUSTER_PIPELINE_CONFIG"] == "$$(POD_NAME)"
    assert env["LC_ALL"] == "C.UTF-8"


def test_a_carriage_return_that_spark_would_lose_is_refused():
    remote = {"application": "s3a://bucket/etl.py", "args": ("a", "b\r\nc")}
    with pytest.raises(InvalidSpec, match=r"field args\.1: has a carriage return"):
        POD_ENGINES["spark"].check_arguments(JobSpec(client="c", module="m", **remote))
    flink = {"application": "local:///opt/etl.py", "args": ("b\r\nc",), "job_type": "flink"}
    POD_ENGINES["flink"].check_arguments(JobSpec(client="c", module="m", **flink))


@pytest.mark.parametrize("job_type", ["spark4", "flink"])
def test_what_airflow_reads_travels_as_a_file_of_this_machine_does(job_type, tmp_path):
    storage = FolderStorage(tmp_path / "storage")
    spec = job_spec(storage.put("s3://lake@bucket/jobs/etl.py", b"print()"), job_type=job_type)
    check_application(spec, storage)
    assert travelling(fetch_files(spec, storage, tmp_path / "fetched"), tmp_path) == [b"print()"]
    assert path_in_pod(spec, 0) == "/etc/dcluster/job/etl.py"


def test_what_airflow_reads_is_as_large_as_what_travels_at_most(tmp_path):
    storage = FolderStorage(tmp_path)
    spec = job_spec(storage.put("s3://bucket/fat.py", bytes(17 * 2**20)))
    with pytest.raises(InvalidSpec, match=r"field application: s3://bucket/fat.py has 17 MiB"):
        check_application(spec, storage)


def test_what_is_too_large_is_no_matter_with_a_staging_folder(tmp_path):
    path = tmp_path / "fat.py"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 2**20)
    for spec in (job_spec(path), job_spec(tmp_path / "fat.py", files=[str(path)])):
        check_application(spec, NO_STORAGE, is_staged=True)
        with pytest.raises(InvalidSpec, match="name a folder in the connection's field staging"):
            check_application(spec, NO_STORAGE)
    assert path_in_pod(job_spec(path), LINKED) == "/var/dcluster/fat.py"


@pytest.mark.parametrize("programs", [("curl",), ("wget",), ("python3",)])
def test_a_pod_fetches_what_is_linked_with_what_its_image_has(programs, tmp_path, http_folder):
    (tmp_path / "etl.py").write_bytes(b"print()")
    address = http_folder(tmp_path)
    for program in ("cat", "bash", "env", *programs):
        found = sys.executable if program == "python3" else shutil.which(program)
        if found is None:
            pytest.skip(f"no {program}, which images may have")
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / program).symlink_to(found)
    script = put_together(job_spec(tmp_path / "etl.py"), LINKED).replace("/etc/dcluster/job", str(tmp_path))
    for link, code in ((f"{address}/etl.py?signed=a&b=c", 0), (f"{address}/none.py", 1)):
        (tmp_path / LINK).write_text(link)
        environment = {"PATH": str(tmp_path / "bin"), "DCLUSTER_APPLICATION": str(tmp_path / "fetched.py")}
        done = subprocess.run(
            ["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        if code:
            assert "could not be fetched from the staging folder" in done.stderr
        else:
            assert (tmp_path / "fetched.py").read_bytes() == b"print()"
