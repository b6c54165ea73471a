"""Two Airflows with registries of their own and one deployment name in one namespace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubernetes_platform import make_cluster, make_external, make_job

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.platforms.kubernetes.doctor.namespace_checks import check_strangers
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import job_root, root
from dcluster_provider.platforms.kubernetes.owner_objects import JobOwnerObjects
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

SETTINGS = KubernetesSettings(deployment="airflow", namespace="data")


@pytest.fixture
def ours():
    return replace(make_cluster(), registry_id="ours")


@pytest.fixture
def theirs(ours):
    """The cluster of the same task, DAG and run in another Airflow: its id and key are the same."""
    return replace(ours, name=f"{ours.name}1", registry_id="theirs")


@pytest.fixture
def platform(api, server, ours, theirs):
    for cluster in (ours, theirs):
        server.add(root(cluster, "data"))
    return KubernetesPlatform(SETTINGS, api, lambda: "ours")


def test_only_our_own_clusters_are_listed_and_removed_as_unknown(platform, server, ours, theirs):
    assert platform.list_clusters() == [ours.name]
    assert not platform.delete_unknown(theirs.name)
    assert platform.delete_unknown(ours.name)
    assert [each["metadata"]["name"] for each in server.configmaps.values()] == [theirs.name]


def test_a_cluster_of_the_same_name_is_neither_taken_nor_ended(platform, server, ours, theirs):
    ours = replace(ours, name=theirs.name)
    with pytest.raises(PlatformRefused, match="NameTaken"):
        platform.apply_cluster(ours)
    platform.delete_cluster(ours)
    assert len(server.configmaps) == 2


def test_jobs_of_the_same_task_on_an_external_cluster_have_roots_of_their_own(api, server):
    for registry_id in ("ours", "theirs"):
        cluster = replace(make_external(), registry_id=registry_id)
        job = replace(make_job(cluster), registry_id=registry_id)
        server.add(job_root(job, cluster, "data"))
    assert len(server.configmaps) == 2
    roots = JobOwnerObjects(SETTINGS, api, lambda: "ours")
    assert roots.job_ids() == [job.id]
    assert roots.delete_of_cluster(cluster.name)
    (left,) = server.configmaps.values()
    assert left["metadata"]["labels"]["dcluster.io/registry"] == "theirs"


def test_the_doctor_tells_of_a_stranger(platform, api, server, theirs):
    found = check_strangers(SETTINGS, api, "data", "ours")
    assert found.outcome == "warning"
    assert (
        f"1 of deployment 'airflow' are not of this registry (ours): {theirs.name} (registry theirs)"
        in found.found
    )
    server.configmaps.popitem()
    assert check_strangers(SETTINGS, api, "data", "ours").outcome == "ok"
