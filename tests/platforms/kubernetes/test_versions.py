"""The image of a cluster follows its version, or the version is refused."""

from __future__ import annotations

import pytest
from kubernetes_platform import make_cluster

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def spec_of(version: str) -> ClusterSpec:
    return ClusterSpec(tenant="team", type="spark4", engine_version=version)


@pytest.mark.parametrize(
    ("cluster_type", "version", "image"),
    [
        ("spark3", "", "apache/spark:3.5.9"),
        ("spark3", "3.5.1", "apache/spark:3.5.1"),
        ("spark4", "", "apache/spark:4.3.0"),
        ("spark4", "4.1", "apache/spark:4.1.4"),
        ("flink", "1.20", "flink:1.20.5"),
    ],
)
def test_every_pod_of_a_cluster_has_the_image_of_its_version(cluster_type, version, image):
    settings = KubernetesSettings()
    cluster = make_cluster(type=cluster_type, engine_version=version)
    engine_of(cluster.spec).check_cluster(cluster.spec)
    manifests = pod_engine(cluster.spec).cluster_manifests(settings, cluster, Place("data"))
    templates = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment"]
    assert len(templates) == 2
    assert {pod["containers"][0]["image"] for pod in templates} == {image}


def test_the_version_of_the_connection_counts_for_clusters_that_name_none():
    settings = KubernetesSettings(spark4_version="4.0", spark4_image="registry.local/spark:v{version}-java17")
    assert settings.image(spec_of("")) == "registry.local/spark:v4.0.5-java17"
    assert settings.image(spec_of("4.2.0")) == "registry.local/spark:v4.2.0-java17"


def test_a_version_that_the_image_does_not_follow_is_refused():
    settings = KubernetesSettings(spark4_image="registry.local/our-spark:7")
    settings.check_image(make_cluster(type="spark4").spec)
    told = r"engineVersion: .*spark4_image is 'registry.local/our-spark:7'.*put \{version\}"
    with pytest.raises(InvalidSpec, match=told):
        settings.check_image(make_cluster(type="spark4", engine_version="4.1").spec)


def test_a_version_of_the_connection_that_is_none_of_the_type_is_refused():
    with pytest.raises(ValueError, match=r"field spark4_version: 3.5 is not a release of type 'spark4'"):
        KubernetesSettings(spark4_version="3.5")
    assert (
        KubernetesSettings(spark4_version="4.9.0", allow_untested_versions=True)
        .image(spec_of(""))
        .endswith(":4.9.0")
    )


def test_a_cluster_of_a_version_that_was_allowed_stays_what_it_is_when_that_is_withdrawn():
    cluster = make_cluster(type="spark4", engine_version="4.9.0")
    with pytest.raises(InvalidSpec, match=r"field engineVersion: 4\.9\.0 is not among the tested releases"):
        KubernetesSettings().check_version(cluster.spec)
    assert KubernetesSettings().image(cluster.spec) == "apache/spark:4.9.0"
