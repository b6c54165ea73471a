"""The oldest and the newest release of each type of clusters in pods."""

from __future__ import annotations

import pytest
from local_platform import local_settings

from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, gone, running
from tests.live.release_trials import TABLE, Release, try_flink, try_spark

IMAGES = {
    "spark3_image": "apache/spark:{version}",
    "spark4_image": "apache/spark:{version}",
    "flink_image": "flink:{version}",
}


@pytest.fixture
def release(bench, tmp_path):
    made = []

    def make(cluster_type: str, version: str) -> Release:
        folder = bench.connection.folder / version
        folder.mkdir()
        folder.chmod(0o777)
        control = bench.control(**IMAGES, flink_storage=f"file://{folder}/flink")
        engine = ensure_engine(cluster_type, local_settings(tmp_path / "home"), print, version)
        is_flink = engine.kind == "flink"
        spec = (SMALL_FLINK if is_flink else SMALL) | {"type": cluster_type, "engineVersion": version}
        library = engine.home / ("lib" if is_flink else "jars")
        made.append(Release(control, running(control, spec), library, folder))
        return made[-1]

    yield make
    for each in made:
        gone(each.control, each.cluster)


@pytest.mark.long
@pytest.mark.parametrize(
    ("cluster_type", "version"), [("spark3", "3.5"), ("spark4", "4.0"), ("spark4", "4.3")]
)
def test_a_release_of_spark(release, tables, cluster_type, version):
    shown = try_spark(release(cluster_type, version))
    tables.add(TABLE, f"Spark {version} on Kubernetes: {shown}")


@pytest.mark.long
@pytest.mark.parametrize("version", ["1.20", "2.3"])
def test_a_release_of_flink(release, tables, version):
    shown = try_flink(release("flink", version))
    tables.add(TABLE, f"Flink {version} on Kubernetes: {shown}")
