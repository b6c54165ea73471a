"""Every release of the engines on this machine: clusters, jobs of each kind, their ends."""

from __future__ import annotations

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.record import ClusterState
from dcluster_provider.engines.releases import RELEASES, release_of
from dcluster_provider.platforms.local.installation.engines import check_engine, find_engine
from tests.live.release_trials import TABLE, Release, try_flink, try_spark
from tests.live.trials import long_except

SPARK = [release.series for release in RELEASES if release.engine == "spark"]
FLINK = [release.series for release in RELEASES if release.engine == "flink"]


@pytest.fixture
def release(tmp_path):
    made = []

    def make(cluster_type: str, version: str) -> Release:
        control = connect(settings_for_local(tmp_path / "home", engines_folder()))
        try:
            check_engine(cluster_type, control.platform.settings, version)
        except PlatformRefused as refusal:  # the Java or the Pythons of this machine
            pytest.skip(refusal.diagnosis.cause)
        size = {"workerCpu": "2", "workerMemory": "1280Mi", "masterMemory": "1Gi"}
        spec = {"tenant": "team", "type": cluster_type, "engineVersion": version, **size}
        cluster = control.clusters.launch(spec, report=print)
        engine = find_engine(cluster_type, control.platform.settings, version)
        library = engine.home / ("lib" if engine.kind == "flink" else "jars")
        made.append(Release(control, cluster, library, tmp_path / version))
        made[-1].folder.mkdir()
        control.clusters.wait(cluster.id, timeout=HANG_SECONDS)
        return made[-1]

    yield make
    for each in made:
        each.control.clusters.terminate(each.cluster.id)
    for each in made:
        each.control.clusters.wait(each.cluster.id, (ClusterState.TERMINATED,), timeout=HANG_SECONDS)


@pytest.mark.parametrize("version", long_except(["4.3"], SPARK))
def test_a_release_of_spark(release, tables, version):
    shown = try_spark(release(release_of("spark", version).types[-1], version))
    tables.add(TABLE, f"Spark {version} on this machine: {shown}")


@pytest.mark.parametrize("version", long_except([], FLINK))
def test_a_release_of_flink(release, tables, version):
    shown = try_flink(release("flink", version))
    tables.add(TABLE, f"Flink {version} on this machine: {shown}")


@pytest.mark.long
def test_two_releases_run_at_the_same_time(release):
    three, four = release("spark3", "3.5"), release("spark4", "4.1")
    first = three.at_work(APPLICATIONS / "endless.py")
    assert "pi is roughly 3.1" in four.run(APPLICATIONS / "spark_pi.py", "2")
    three.stop(first)
