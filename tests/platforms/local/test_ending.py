"""The ends of clusters that never began, and of old logs."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from local_platform import local_settings, make_cluster, make_job, observe, observe_job

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.platforms.local.ending import prune
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import make_plan
from dcluster_provider.platforms.local.platform import LocalPlatform


@pytest.fixture
def platform(tmp_path):
    return LocalPlatform(local_settings(tmp_path))


def test_a_cluster_that_never_began_is_absent_and_ends_for_good(platform):
    cluster = make_cluster()
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT
    platform.delete_cluster(cluster)
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT
    with pytest.raises(PlatformRefused, match="ClusterEnded"):
        platform.apply_cluster(cluster)
    assert platform.list_clusters() == []


def test_a_job_on_a_cluster_that_is_not_there_is_refused_and_can_be_stopped(platform):
    cluster = make_cluster()
    job = make_job(cluster)
    assert observe_job(platform, job, cluster).phase is JobPhase.ABSENT
    with pytest.raises(PlatformRefused, match="ClusterEnded"):
        platform.apply_job(job, cluster)
    platform.stop_job(job, cluster)
    assert observe_job(platform, job, cluster).phase is JobPhase.KILLED
    assert platform.read_log(job, cluster, 0).text == ""


def test_an_engine_that_is_not_installed_is_named(platform, tmp_path):
    platform = LocalPlatform(local_settings(tmp_path, spark_version="3.5.0"))
    with pytest.raises(PlatformRefused, match="EngineMissing"):
        platform.apply_cluster(make_cluster())
    assert platform.list_clusters() == []


def test_the_clusters_of_another_registry_in_the_same_home_are_neither_listed_nor_ended(tmp_path):
    engine = LocalEngine("spark", "4.0.1", *[tmp_path] * 3, 17)
    for registry_id in ("ours", "theirs"):
        cluster = replace(make_cluster(), name=registry_id, registry_id=registry_id)
        make_plan(ClusterPlace(tmp_path, cluster.name), cluster, engine, {})
    platform = LocalPlatform(local_settings(tmp_path), lambda: "ours")
    assert platform.list_clusters() == ["ours"]
    assert not platform.delete_unknown("theirs")
    assert platform.delete_unknown("ours")
    assert LocalPlatform(local_settings(tmp_path), lambda: "theirs").list_clusters() == ["theirs"]


def test_logs_go_some_time_after_their_cluster(tmp_path):
    def ended(name, days):
        marker = tmp_path / "logs" / name / "ended"
        marker.parent.mkdir(parents=True)
        marker.touch()
        past = time.time() - days * 86400
        os.utime(marker, (past, past))

    ended("old", 15)
    ended("young", 13)
    ended("still-there", 15)
    (tmp_path / "clusters" / "still-there").mkdir(parents=True)
    (tmp_path / "logs" / "running").mkdir()
    leftover = tmp_path / "clusters" / ".half-removed"
    leftover.mkdir()
    past = time.time() - 86400
    os.utime(leftover, (past, past))
    (tmp_path / "clusters" / ".being-made").mkdir()
    prune(tmp_path, keep_days=14)
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"young", "still-there", "running"}
    assert {path.name for path in (tmp_path / "clusters").iterdir()} == {"still-there", ".being-made"}


def test_flags_without_meaning_here_are_told_of_once(platform, caplog):
    with caplog.at_level("INFO"):
        for _ in range(2):
            platform._tell_of_flags(
                make_cluster(launch_new_node=True).spec, ("launch_new_node", "launch_dynamic_disk")
            )
    assert [record.getMessage() for record in caplog.records] == [
        "launch_new_node means nothing on the local platform and is ignored"
    ]


def test_the_place_of_a_cluster_is_the_home_however_it_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    spec = make_cluster().spec
    places = {
        LocalPlatform(local_settings(path)).location_of(spec)
        for path in (tmp_path, tmp_path / "link", tmp_path / "x" / "..")
    }
    assert places == {f"folder {tmp_path.resolve()}"}
