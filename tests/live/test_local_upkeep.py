"""A cluster check on real Spark and Flink: what is idle, what is at work for others, what nobody knows."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_platform, until

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.local.installation.engines import find_engine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import read_plan
from dcluster_provider.platforms.local.platform import LocalPlatform
from dcluster_provider.registry.store import Registry
from tests.forgotten import forget

SPARK = {"tenant": "team", "worker_memory": "1Gi", "master_memory": "512Mi"}
FLINK = {"tenant": "team", "type": "flink"}
IDLE = timedelta(seconds=1)


class House:
    """The use cases of one deployment, with a registry of its own, over a platform."""

    def __init__(self, platform: LocalPlatform, registry: Path) -> None:
        deployment, home = platform.settings.deployment, platform.settings.home
        self.settings = settings_for_local(home, home, registry, deployment=deployment, idle_timeout=IDLE)
        self.registry = Registry(self.settings.registry_url)
        self.platform = platform = LocalPlatform(platform.settings, lambda: self.registry.id)
        self.clusters = Clusters(self.registry, platform, self.settings)
        self.jobs = Jobs(self.registry, platform, self.settings, self.clusters)
        self.upkeep = Upkeep(self.registry, platform, self.settings, self.clusters, self.jobs)

    def launch(self, spec: dict) -> Cluster:
        cluster = self.clusters.launch(spec)
        return self.clusters.wait(cluster.id, timeout=HANG_SECONDS)


def check(house: House, **options) -> dict[str, str]:
    """What one pass did with each cluster, by its name."""
    report = house.upkeep.check_clusters(**options)
    print(report)
    return {line.subject.rsplit(" ", 1)[-1].strip("()"): line.what for line in report.lines}


def spark_submit(house: House, cluster: Cluster) -> tuple[subprocess.Popen[bytes], Path]:
    """An application that somebody submits to the cluster by hand, and the file that ends it."""
    place = ClusterPlace(house.platform.settings.home, cluster.name)
    plan = read_plan(place)
    program = place.home / "until_released.py"
    program.write_text((APPLICATIONS / "until_released.py").read_text())
    home = plan.engine.home
    argv = [home / "bin" / "spark-submit", "--master", cluster.master_url, "--driver-memory", "512m"]
    argv += ["--properties-file", place.conf / "daemons.properties", "--conf", "spark.executor.memory=512m"]
    environment = {
        "JAVA_HOME": str(plan.engine.java.resolve().parent.parent),
        "PYSPARK_PYTHON": str(plan.engine.python),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PATH": "/usr/bin:/bin",
    }
    with (place.home / "submit.log").open("wb") as log:
        process = subprocess.Popen(
            [*map(str, argv), str(program), "byhand"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    return process, program.parent / "byhand.go"


def test_an_idle_cluster_ends_and_one_with_an_application_of_somebody_else_does_not(tmp_path):
    with local_platform(tmp_path / "home", "spark") as platform:
        house = House(platform, tmp_path / "registry.db")
        quiet, used = house.launch(SPARK), house.launch(SPARK)
        process, release = spark_submit(house, used)
        try:
            until(lambda: platform.busy_clusters([used]), lambda seen: seen == {used.id: True})
            assert house.jobs.list() == []
            # A master that does not answer in time is left to the next pass.
            wanted = {quiet.name: "ended", used.name: "left"}
            until(lambda: check(house, dry_run=True), lambda seen: seen == wanted)
            until(lambda: check(house), lambda seen: seen.get(quiet.name) == "ended")
            assert house.platform.list_clusters() == [used.name]
            release.touch()
            assert process.wait(HANG_SECONDS) == 0, (platform.settings.home / "submit.log").read_text()
        finally:
            process.kill()
            process.wait()
        until(lambda: platform.busy_clusters([used]), lambda seen: seen == {used.id: False})
        until(lambda: check(house), lambda seen: seen == {used.name: "ended"})
        assert house.platform.list_clusters() == []


@pytest.mark.long
def test_a_flink_job_that_somebody_else_submitted_keeps_its_cluster(tmp_path):
    with local_platform(tmp_path / "home", "flink") as platform:
        house = House(platform, tmp_path / "registry.db")
        cluster = house.launch(FLINK)
        jar = build_jar(
            tmp_path, APPLICATIONS / "Counting.java", find_engine("flink", platform.settings).home / "lib"
        )
        rest = HttpRest("127.0.0.1", int(cluster.master_url.rsplit(":", 1)[1]))
        with jar.open("rb") as content:
            jar_id = flink_rest.upload_jar(rest, content, jar.stat().st_size)
        flink_rest.run_jar(rest, jar_id, {"programArgsList": [str(tmp_path / "counted")]})
        assert check(house) == {cluster.name: "left"}
        (job_id,) = flink_rest.jobs_overview(rest)
        flink_rest.cancel(rest, job_id)
        until(lambda: flink_rest.is_busy(rest), lambda busy: not busy)
        until(lambda: check(house), lambda seen: seen == {cluster.name: "ended"})


def test_a_cluster_that_nobody_knows_is_told_of_then_removed_and_another_registrys_is_not(tmp_path):
    with local_platform(tmp_path / "home", "spark") as platform:
        house = House(platform, tmp_path / "registry.db")
        lost = house.launch(SPARK)
        forget(house.settings.registry_url, lost)
        others = House(platform, tmp_path / "other.db")  # of the same deployment, in the same home
        theirs = others.launch(SPARK)

        assert check(house, unknown_after=0, dry_run=True) == {lost.name: "left"}
        assert check(house, unknown_after=3600) == {lost.name: "left"}
        assert check(house, unknown_after=3600) == {lost.name: "left"}
        assert house.platform.list_clusters() == [lost.name]
        assert check(house, unknown_after=0) == {lost.name: "removed"}
        until(house.platform.list_clusters, lambda names: names == [])
        assert check(house, unknown_after=0) == {}
        assert others.clusters.status(theirs.id) is ClusterState.RUNNING
