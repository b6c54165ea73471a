"""Every release of the engines on this machine: clusters, jobs of each kind, their ends."""

from __future__ import annotations

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, engines_folder

from dcluster_provider.control.connect import connect
from dcluster_provider.core.errors import JobFailed, PlatformRefused
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.engines.releases import RELEASES, release_of
from dcluster_provider.platforms.local.installation.engines import check_engine, find_engine
from tests.live.trials import long_except

SPARK = [release.series for release in RELEASES if release.engine == "spark"]
FLINK = [release.series for release in RELEASES if release.engine == "flink"]


class Release:
    """A cluster of one release, and what runs on it."""

    def __init__(self, home, cluster_type: str, version: str) -> None:
        self.type, self.version = cluster_type, version
        self.control = connect(settings_for_local(home, engines_folder()))
        self.settings = self.control.platform.settings
        try:
            check_engine(cluster_type, self.settings, version)
        except PlatformRefused as refusal:  # the Java or the Pythons of this machine
            pytest.skip(refusal.diagnosis.cause)
        spec = {"tenant": "team", "type": cluster_type, "engineVersion": version, "workerCpu": "2"}
        self.cluster = self.control.clusters.launch(spec, report=print)
        self.cluster = self.control.clusters.wait(self.cluster.id, timeout=HANG_SECONDS)

    @property
    def engine(self):
        return find_engine(self.type, self.settings, self.version)

    def run(self, application, *args: str, **fields):
        spec = {"client": "team", "module": application.stem, "jobType": self.type, "args": list(args)}
        spec |= {"clusterId": self.cluster.id, "application": str(application), **fields}
        job = self.control.jobs.submit(spec, report=print)
        return self.control.jobs.wait(job.id, timeout=HANG_SECONDS)

    def log(self, job) -> str:
        return self.control.jobs.logs(job.id)

    def end(self) -> None:
        self.control.clusters.terminate(self.cluster.id)
        ended = (ClusterState.TERMINATED,)
        self.control.clusters.wait(self.cluster.id, ended, timeout=HANG_SECONDS)


@pytest.fixture
def release(tmp_path):
    made = []

    def make(cluster_type: str, version: str) -> Release:
        made.append(Release(tmp_path / "home", cluster_type, version))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.mark.parametrize("version", long_except(["4.3"], SPARK))
def test_a_release_of_spark_runs_programs_and_jars_and_names_failures(release, tables, version, tmp_path):
    spark = release(release_of("spark", version).types[-1], version)
    done = spark.run(APPLICATIONS / "spark_pi.py", "2")
    assert done.state is JobState.SUCCEEDED
    assert "pi is roughly 3.1" in spark.log(done)
    jar = spark.run(build_jar(tmp_path, APPLICATIONS / "Rows.java", spark.engine.home / "jars"))
    assert "rows 10" in spark.log(jar)
    with pytest.raises(JobFailed, match="KeyError: 'usd'"):
        spark.run(APPLICATIONS / "raises.py")
    tables.add("releases of the engines on this machine", f"Spark {spark.engine.version}: {done.state.value}")


@pytest.mark.parametrize("version", long_except([], FLINK))
def test_a_release_of_flink_runs_programs_sql_and_jars_and_names_failures(release, tables, version, tmp_path):
    flink = release("flink", version)
    done = flink.run(APPLICATIONS / "flink_words.py")
    assert done.state is JobState.SUCCEEDED
    assert flink.run(APPLICATIONS / "words.sql").state is JobState.SUCCEEDED
    jar = build_jar(tmp_path, APPLICATIONS / "Numbers.java", flink.engine.home / "lib")
    assert flink.run(jar).state is JobState.SUCCEEDED
    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        flink.run(APPLICATIONS / "flink_fails.py", "task")
    tables.add("releases of the engines on this machine", f"Flink {flink.engine.version}: {done.state.value}")


@pytest.mark.long
def test_two_releases_run_at_the_same_time(release):
    three, four = release("spark3", "3.5"), release("spark4", "4.1")
    assert three.run(APPLICATIONS / "spark_pi.py", "2").state is JobState.SUCCEEDED
    assert four.run(APPLICATIONS / "spark_pi.py", "2").state is JobState.SUCCEEDED
