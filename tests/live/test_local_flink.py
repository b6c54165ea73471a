"""Flink on this machine: a session cluster, jars, PyFlink and SQL, all of it real."""

from __future__ import annotations

import subprocess
from string import Template

import pytest
from hanging import ANSWER_SECONDS
from local_platform import (
    APPLICATIONS,
    build_jar,
    driver_of,
    launch,
    local_platform,
    make_job,
    observe,
    observe_job,
    outcome,
    process_of,
    running,
    submit,
    until,
    whole_log,
)

from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.engines.flink.memory import divide_jobmanager, divide_taskmanager
from dcluster_provider.platforms.local.installation.engines import find_engine
from dcluster_provider.platforms.local.processes.termination import census
from tests.live.trials import long_except

FAILS = str(APPLICATIONS / "flink_fails.py")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with local_platform(tmp_path_factory.mktemp("flink"), "flink") as platform:
        yield platform


@pytest.fixture(scope="module")
def cluster(platform):
    return launch(platform, type="flink", workers=2, worker_memory="1Gi", master_memory="1Gi")


@pytest.fixture(scope="module")
def engine(platform):
    return find_engine("flink", platform.settings)


@pytest.fixture(scope="module")
def jar(tmp_path_factory, engine):
    return str(build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Numbers.java", engine.home / "lib"))


@pytest.fixture
def sql(tmp_path):
    """A SQL file made from one of the applications, which knows a folder of its own."""

    def make(text: str) -> str:
        path = tmp_path / "statements.sql"
        path.write_text(Template(text).substitute(folder=tmp_path))
        return str(path)

    return make


def flink_jobs(platform, cluster):
    import httpx

    return httpx.get(f"{observe(platform, cluster).master_url}/jobs/overview", timeout=ANSWER_SECONDS).json()[
        "jobs"
    ]


def test_a_jar_runs_under_an_id_of_its_own_and_only_once(platform, cluster, jar):
    job = submit(platform, cluster, application=jar, pipeline_config="a:b, c='d'")
    for name in ("submitted",):  # as if the apply had been killed before it noted this
        (platform.settings.home / "logs" / cluster.name / "jobs" / f"{job.id}-1" / name).unlink()
    platform.apply_job(job, cluster)
    seen = outcome(platform, job, cluster)
    assert seen.phase is JobPhase.SUCCEEDED
    assert flink_job_id(job.key, 1) in seen.ui_url
    master_log = (platform.settings.home / "logs" / cluster.name / "master.log").read_text()
    assert f"handed {job.id} a:b, c='d'" in master_log
    platform.apply_job(job, cluster)
    assert [each["jid"] for each in flink_jobs(platform, cluster)].count(flink_job_id(job.key, 1)) == 1


def test_the_exception_of_a_record_is_the_cause(platform, cluster, jar):
    job = submit(platform, cluster, application=jar, args=("record",))
    seen = outcome(platform, job, cluster)
    assert seen.phase is JobPhase.FAILED
    assert "java.lang.RuntimeException: record 50 is bad" in seen.diagnosis.cause
    assert "record 50 is bad" in whole_log(platform, job, cluster)


@pytest.mark.parametrize(
    ("fields", "reason", "text"),
    [
        ({"main_class": "no.Such"}, "MainClassMissing", "no.Such"),
        ({"args": ("main",)}, "JavaException", "main says no"),
        ({"num_workers": 9}, "ParallelismTooHigh", "parallelism of 9, but the cluster has 2 slots"),
    ],
)
def test_a_jar_that_cannot_run_is_refused_with_the_cause(platform, cluster, jar, *, fields, reason, text):
    job = make_job(cluster, application=jar, **fields)
    with pytest.raises(PlatformRefused, match=text) as refusal:
        platform.apply_job(job, cluster)
    assert refusal.value.diagnosis.code == reason


def test_a_jar_is_stopped(platform, cluster, jar):
    job = submit(platform, cluster, application=jar, args=("endless",))
    running(platform, job, cluster)
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED
    never = make_job(cluster, application=jar)
    platform.stop_job(never, cluster)
    platform.apply_job(never, cluster)
    assert observe_job(platform, never, cluster).phase is JobPhase.KILLED


def test_a_pyflink_program_counts_and_gets_what_it_is_handed(platform, cluster):
    application = str(APPLICATIONS / "flink_words.py")
    job = submit(platform, cluster, application=application, pipeline_version="v1", args=("one", "two words"))
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code) == (JobPhase.SUCCEEDED, 0), seen.diagnosis
    log = whole_log(platform, job, cluster)
    assert "to be 2 2" in log
    assert "pipeline v1 one two words" in log
    assert flink_job_id(job.key, 1) in [each["jid"] for each in flink_jobs(platform, cluster)]


PYTHON_EXCEPTIONS = [("client", "ValueError: no rows today"), ("record", "ZeroDivisionError")]


@pytest.mark.long
@pytest.mark.parametrize(("how", "text"), long_except(PYTHON_EXCEPTIONS[:1], PYTHON_EXCEPTIONS))
def test_a_python_exception_is_the_cause(platform, cluster, how, text):
    job = submit(platform, cluster, application=FAILS, args=(how,))
    seen = outcome(platform, job, cluster)
    assert seen.phase is JobPhase.FAILED
    assert (seen.diagnosis.code, text in seen.diagnosis.cause) == ("PythonException", True), seen.diagnosis


@pytest.mark.long
def test_a_stopped_client_leaves_no_job_in_flink(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, job, cluster)
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED
    _until_idle(platform, cluster)


def test_a_killed_client_is_named_and_its_job_in_flink_cancelled(platform, cluster):
    job = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, job, cluster)
    driver_of(platform, job, cluster).kill()
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.exit_code) == (JobPhase.FAILED, -9)
    assert "killed by signal 9" in seen.diagnosis.cause
    _until_idle(platform, cluster)


def _until_idle(platform, cluster):
    over = {"FINISHED", "CANCELED", "FAILED"}
    until(lambda: flink_jobs(platform, cluster), lambda jobs: all(job["state"] in over for job in jobs))


def test_the_statements_of_a_sql_file_run_one_after_the_other(platform, cluster, sql):
    job = submit(platform, cluster, application=sql((APPLICATIONS / "words.sql").read_text()))
    seen = outcome(platform, job, cluster)
    assert seen.phase is JobPhase.SUCCEEDED, seen.diagnosis.render()
    log = whole_log(platform, job, cluster)
    assert [
        line.split("|")[1:3] for line in log.splitlines() if "to;be" in line and line.startswith("|")
    ] == [[f"{'to;be':>31} ", f"{'2':>21} "]]
    assert "3 rows in set" in log


def test_a_statement_that_fails_ends_a_sql_file(platform, cluster, sql):
    job = submit(platform, cluster, application=sql("SELECT 1;\nSELECT nothing FROM nowhere;\nSELECT 3;\n"))
    seen = outcome(platform, job, cluster)
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "SqlStatementFailed")
    assert "Statement 2 of statements.sql (line 2) failed:" in seen.diagnosis.cause
    assert "'nowhere' not found" in seen.diagnosis.cause
    log = whole_log(platform, job, cluster)
    assert '  File "statements.sql", line 2, in statement 2\n    SELECT nothing FROM nowhere' in log
    assert "SELECT 3" not in log


def test_sql_of_a_job_has_the_environment_of_its_client(platform, cluster):
    job = submit(platform, cluster, sql="SELECT '${env:REGION}' AS region;", env={"REGION": "north"})
    seen = outcome(platform, job, cluster)
    assert seen.phase is JobPhase.SUCCEEDED, seen.diagnosis.render()
    log = whole_log(platform, job, cluster)
    assert "[1/1 statements.sql:1] SELECT '${env:REGION}' AS region" in log
    assert "| north |" in " ".join(log.split())


@pytest.mark.long
def test_a_statement_that_is_not_waited_for_is_followed_to_its_end(platform, cluster, sql):
    statements = (
        "SET 'table.dml-sync' = 'false';\n"
        "CREATE TABLE a (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '2', 'number-of-rows' = '60');\n"
        "CREATE TABLE b (n INT) WITH ('connector' = 'print');\nINSERT INTO b SELECT n FROM a;\n"
    )
    job = submit(platform, cluster, application=sql(statements))
    driver = driver_of(platform, job, cluster)
    until(driver.is_running, lambda lives: not lives)
    assert observe_job(platform, job, cluster).phase in {JobPhase.RUNNING, JobPhase.PENDING}
    platform.stop_job(job, cluster)
    assert outcome(platform, job, cluster).phase is JobPhase.KILLED
    _until_idle(platform, cluster)


@pytest.mark.parametrize(
    ("kind", "mib", "settings"),
    [
        ("JM", 704, {}),
        ("JM", 16384, {"jobmanager.memory.off-heap.size": "200m"}),
        ("TM", 1024, {}),
        (
            "TM",
            5000,
            {"taskmanager.memory.managed.fraction": "0.33", "taskmanager.memory.network.fraction": "0.07"},
        ),
        (
            "TM",
            1536,
            {"taskmanager.memory.task.heap.size": "256m", "taskmanager.memory.managed.fraction": "0.1"},
        ),
        pytest.param(
            "TM",
            16384,
            {"taskmanager.memory.managed.fraction": "0.95", "taskmanager.memory.network.max": "64m"},
            marks=pytest.mark.long,
        ),
        pytest.param(
            "TM",
            4097,
            {
                "taskmanager.memory.managed.size": "1 gibibytes",
                "taskmanager.memory.jvm-overhead.max": "200 mb",
            },
            marks=pytest.mark.long,
        ),
        pytest.param(
            "JM", 3000, {"jobmanager.memory.jvm-overhead.fraction": "0.333"}, marks=pytest.mark.long
        ),
    ],
)
def test_memory_is_divided_as_flinks_own_scripts_divide_it(tmp_path, engine, kind, mib, settings):
    asked = ask_flink(engine, tmp_path, kind, mib, settings)
    assert asked.returncode == 0, asked.stdout
    said = asked.stdout
    java, flink = [
        line.split(":", 1)[1] for line in said.splitlines() if line.startswith("BASH_JAVA_UTILS_EXEC_RESULT:")
    ]
    if kind == "JM":
        division = divide_jobmanager(mib * 2**20, settings)
    else:
        division = divide_taskmanager(mib * 2**20, 2, settings)
    assert set(division.java) == set(java.split())
    assert division.settings == dict(each.split("=", 1) for each in flink.split() if each != "-D")


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {"taskmanager.memory.managed.fraction": "0.95"},
        {"taskmanager.memory.managed.fraction": "1"},
        {"taskmanager.memory.network.min": "2g", "taskmanager.memory.network.max": "1g"},
        {"taskmanager.memory.jvm-overhead.min": "2g"},
        {"taskmanager.memory.task.heap.size": "16m", "taskmanager.memory.network.max": "65m"},
        {"taskmanager.memory.task.heap.size": "800m"},
    ],
)
def test_what_flinks_own_scripts_refuse_is_refused(tmp_path, engine, settings):
    assert ask_flink(engine, tmp_path, "TM", 2048, settings).returncode != 0
    with pytest.raises(InvalidSpec):
        divide_taskmanager(2048 * 2**20, 2, settings)


def ask_flink(engine, folder, kind, mib, settings):
    """What Flink's own scripts ask before they start a process of so many MiB."""
    process = {"JM": "jobmanager", "TM": "taskmanager"}[kind]
    given = settings | {f"{process}.memory.process.size": f"{mib}m", "taskmanager.numberOfTaskSlots": "2"}
    (folder / "config.yaml").write_text("".join(f"{name}: '{value}'\n" for name, value in given.items()))
    jars = f"{engine.home}/bin/bash-java-utils.jar:{next((engine.home / 'lib').glob('flink-dist-*.jar'))}"
    main = "org.apache.flink.runtime.util.bash.BashJavaUtils"
    argv = [engine.java, "-cp", jars, main, f"GET_{kind}_RESOURCE_PARAMS", "--configDir", folder]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_killed_jobmanager_breaks_the_cluster_and_loses_its_jobs(platform, jar):
    cluster = launch(platform, type="flink", workers=1, worker_memory="1Gi", master_memory="1Gi")
    done = submit(platform, cluster, application=jar)
    assert outcome(platform, done, cluster).phase is JobPhase.SUCCEEDED
    lost = submit(platform, cluster, application=jar, args=("endless",))
    client = submit(platform, cluster, application=FAILS, args=("sleep",))
    running(platform, lost, cluster)
    process_of(platform, cluster, "master").kill()
    broken = until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.BROKEN)
    assert broken.diagnosis.cause == "The JobManager was killed by signal 9 (SIGKILL)."
    for job in (lost, client):
        seen = outcome(platform, job, cluster)
        assert (seen.phase, seen.diagnosis.code) == (JobPhase.LOST, "JobManagerEnded")
    assert observe_job(platform, done, cluster).phase is JobPhase.SUCCEEDED
    platform.delete_cluster(cluster)
    assert observe(platform, cluster).phase is ClusterPhase.ABSENT
    assert not [folder for folder in census() if cluster.name in str(folder)]


@pytest.mark.long
def test_a_killed_taskmanager_is_noticed_and_the_last_one_breaks_the_cluster(platform):
    cluster = launch(platform, type="flink", workers=2, worker_memory="1Gi", master_memory="1Gi")
    process_of(platform, cluster, "worker-0").kill()
    until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.STARTING)
    process_of(platform, cluster, "worker-1").kill()
    seen = until(lambda: observe(platform, cluster), lambda seen: seen.phase is ClusterPhase.BROKEN)
    assert "killed by signal 9" in seen.diagnosis.cause
    platform.delete_cluster(cluster)
