"""Jobs on clusters that this package did not launch and knows by their addresses only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from brought import packed_environment
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, launch, local_platform, local_settings, observe, until

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.platforms.local.installation.engines import LocalEngine, ensure_engine, find_engine
from dcluster_provider.platforms.local.processes.ports import free_ports


@contextmanager
def standalone_spark(folder: Path, engine: LocalEngine) -> Iterator[ExternalCluster]:
    """A master and a worker that somebody started by hand."""
    port, page = free_ports(2, set())
    java = [str(engine.java), "-cp", f"{engine.home}/jars/*"]
    java += ["-XX:+IgnoreUnrecognizedVMOptions", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"]
    java += ["--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"]
    environment = {
        "SPARK_HOME": str(engine.home),
        "PATH": "/usr/bin:/bin",
        "PYSPARK_PYTHON": str(engine.python),
    }
    environment |= {"JAVA_HOME": str(engine.java.resolve().parent.parent), "SPARK_SCALA_VERSION": "2.12"}
    address = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    worker = ["--cores", "1", "--memory", "1G", "--work-dir", str(folder / "work"), address]
    commands = [
        [
            *java,
            f"{deploy}.master.Master",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--webui-port",
            str(page),
        ],
        [*java, f"{deploy}.worker.Worker", "--host", "127.0.0.1", *worker],
    ]
    log = (folder / "by-hand.log").open("w")
    processes = [subprocess.Popen(it, env=environment, stdout=log, stderr=log, cwd=folder) for it in commands]

    def workers() -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{page}/json/").json()["aliveworkers"]
        except (httpx.HTTPError, ValueError):
            return 0

    try:
        until(workers, lambda alive: alive == 1)
        yield ExternalCluster("by-hand", "spark3", f"http://127.0.0.1:{page}", address)
        assert workers() == 1, "it is as it was"
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()


def control_with(home: Path, cluster: ExternalCluster) -> Control:
    engines = local_settings(home).engines_folder
    return connect(settings_for_local(home, engines, external_clusters=(cluster,)))


def test_spark_jobs_run_on_a_cluster_that_was_started_by_hand(tmp_path):
    settings = local_settings(tmp_path / "home")
    ensure_engine("spark", settings, print)
    engine = find_engine("spark", settings)
    with standalone_spark(tmp_path, engine) as by_hand:
        control = control_with(tmp_path / "home", by_hand)
        job = {"client": "team", "useExternalCluster": True, "clusterName": "by-hand"}
        done = control.jobs.submit(
            job
            | {"module": "pi", "application": str(APPLICATIONS / "spark_pi.py"), "args": ["2"]}
            | {"pipelineVersion": "v1"}
        )
        done = control.jobs.wait(done.id, timeout=HANG_SECONDS)
        assert "Connected to Spark cluster with app ID" in control.jobs.logs(done.id)
        cluster = control.clusters.get(done.cluster_id)
        assert (cluster.state, cluster.master_url) == (ClusterState.RUNNING, by_hand.master)

        stopped = control.jobs.submit(job | {"module": "x", "application": str(APPLICATIONS / "endless.py")})
        control.jobs.wait(stopped.id, [JobState.RUNNING], HANG_SECONDS)
        control.jobs.terminate(stopped.id)
        final = tuple(state for state in JobState if state.is_final)
        assert control.jobs.wait(stopped.id, final, HANG_SECONDS).state is JobState.KILLED
        assert control.clusters.get(done.cluster_id).state is ClusterState.RUNNING


@pytest.mark.long
def test_a_packed_environment_reaches_executors_that_somebody_else_runs(tmp_path):
    settings = local_settings(tmp_path / "home")
    engine = ensure_engine("spark", settings, print)
    packed = packed_environment(tmp_path, str(engine.python.resolve()))
    with standalone_spark(tmp_path, engine) as by_hand:
        control = control_with(tmp_path / "home", by_hand)
        asked = {"useExternalCluster": True, "clusterName": "by-hand", "requirements": [str(packed)]}
        application = str(APPLICATIONS / "environment_of_its_own.py")
        job = control.jobs.submit({"client": "team", "module": "own", "application": application} | asked)
        control.jobs.wait(job.id, timeout=HANG_SECONDS)
        assert "executors [('requirements', 5)]" in control.jobs.logs(job.id), "unpacked where each works"


@pytest.mark.long
def test_a_job_on_a_cluster_that_is_not_there_fails_and_says_so(tmp_path):
    (port, page) = free_ports(2, set())
    gone = ExternalCluster("gone", "spark3", f"http://127.0.0.1:{page}", f"spark://127.0.0.1:{port}")
    ensure_engine("spark", local_settings(tmp_path), print)
    control = control_with(tmp_path, gone)
    spec = {"client": "team", "module": "pi", "application": str(APPLICATIONS / "spark_pi.py")}
    job = control.jobs.submit(spec | {"useExternalCluster": True})
    final = tuple(state for state in JobState if state.is_final)
    job = control.jobs.wait(job.id, final, HANG_SECONDS)
    assert job.state is JobState.FAILED
    assert job.diagnosis is not None


@pytest.mark.long
def test_flink_jars_programs_and_sql_run_on_a_cluster_of_another_deployment(tmp_path):
    with local_platform(tmp_path / "theirs", "flink") as theirs:
        cluster = launch(theirs, type="flink", worker_memory="1536Mi", worker_cpu="2")
        address = observe(theirs, cluster).ui_url
        control = control_with(tmp_path / "home", ExternalCluster("theirs", "flink", address))
        jar = build_jar(
            tmp_path, APPLICATIONS / "Numbers.java", find_engine("flink", theirs.settings).home / "lib"
        )
        sql = tmp_path / "count.sql"
        sql.write_text(
            "SET 'execution.runtime-mode' = 'batch';\n"
            "SELECT word, COUNT(*) FROM (VALUES ('to'), ('be'), ('to')) AS words (word) GROUP BY word;\n"
        )
        applications = {"sql": str(sql), "jar": str(jar), "python": str(APPLICATIONS / "flink_words.py")}
        for module, application in applications.items():
            job = control.jobs.submit(
                {"client": "team", "module": module, "jobType": "flink", "application": application}
                | {"useExternalCluster": True, "pipelineVersion": "v1"}
            )
            assert control.jobs.wait(job.id, timeout=HANG_SECONDS).state is JobState.SUCCEEDED, module
        assert observe(theirs, cluster).phase is ClusterPhase.READY
