"""A person at a terminal: the seed's JSON in, tables and JSON out, real clusters behind it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from airflow_databases import AIRFLOW
from hanging import HANG_SECONDS
from testbed.cache import engines_folder

from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.settings import LocalSettings
from tests.live.trials import long_except

CLUSTER = {"tenant": "my-team", "workers": 1, "workerCpu": "2", "workerMemory": "1Gi", "type": "spark3"}
WAITING = ("--wait", "--timeout", str(HANG_SECONDS))

MISTAKES = [
    (("clusters", "launch"), '{"tenant": "a", "worker": 1}', "did you mean 'workers'"),
    (("clusters", "launch"), "{", "not JSON"),
    (("clusters", "launch"), "", "no JSON was given"),
    (("clusters", "launch", "/no/such.json"), "", "No such file"),
    (("clusters", "show", "99999"), "", "no cluster 99999"),
    (("clusters", "terminate", "spark3-dev-nobody"), "", "no cluster named"),
    (("clusters", "list", "--state", "runing"), "", "'RUNNING'"),
    (("jobs", "terminate", "99999"), "", "no job 99999"),
    (("jobs", "submit"), '{"client": "a", "module": "b"}', "field application"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    ensure_engine("spark", LocalSettings(home=home, engines_folder=engines_folder()), print)
    variables = {"AIRFLOW_HOME": str(home), "AIRFLOW__DCLUSTER__ENGINES_FOLDER": str(engines_folder())}
    return os.environ | variables


@pytest.fixture(scope="module")
def dcluster(environment):
    def run(*words, entry="", code=0):
        done = subprocess.run(
            [AIRFLOW, "dcluster", *words],
            input=entry,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def cluster_id(dcluster):
    launched = dcluster("clusters", "launch", *WAITING, entry=json.dumps(CLUSTER))
    yield launched.stdout.strip()
    dcluster("clusters", "terminate", launched.stdout.strip())


def test_clusters_are_listed_and_shown(dcluster, cluster_id):
    table = dcluster("clusters", "list", "--state", "running").stdout.splitlines()
    assert table[0].split()[:4] == ["ID", "NAME", "TYPE", "STATE"]
    assert table[1].split()[0] == cluster_id
    (listed,) = json.loads(dcluster("clusters", "list", "-o", "json").stdout)
    assert (listed["clusterId"], listed["tenant"], listed["state"]) == (int(cluster_id), "my-team", "RUNNING")
    shown = json.loads(dcluster("clusters", "show", listed["clusterName"], "-o", "json").stdout)
    assert {"REQUESTED", "PROVISIONING", "RUNNING"} <= {event["action"] for event in shown["events"]}
    assert "airflow dcluster" in shown["events"][-1]["actor"]


def test_a_job_is_submitted_followed_and_read(dcluster, cluster_id, tmp_path):
    application = tmp_path / "hello.py"
    application.write_text("import sys\nprint('hello', *sys.argv[1:])\n")
    job = {
        "client": "my-team",
        "module": "hello",
        "clusterId": int(cluster_id),
        "application": str(application),
    }
    (tmp_path / "job.json").write_text(json.dumps(job | {"args": ["world; rm -rf /", "$(id)"]}))
    done = dcluster("jobs", "submit", *WAITING, str(tmp_path / "job.json"))
    job_id = done.stdout.strip()
    assert "SUCCEEDED" in done.stderr
    assert "hello world; rm -rf / $(id)" in dcluster("jobs", "logs", "--follow", job_id).stdout
    shown = json.loads(dcluster("jobs", "show", job_id, "-o", "json").stdout)
    assert (shown["state"], shown["exitCode"], shown["client"]) == ("SUCCEEDED", 0, "my-team")


@pytest.mark.long
def test_a_failed_job_exits_with_1_and_says_why(dcluster, cluster_id, tmp_path):
    application = tmp_path / "fails.py"
    application.write_text("raise ValueError('no rows')\n")
    job = {
        "client": "my-team",
        "module": "fails",
        "clusterId": int(cluster_id),
        "application": str(application),
    }
    done = dcluster("jobs", "submit", "--wait", entry=json.dumps(job), code=1)
    assert "ValueError: no rows" in done.stderr
    assert "What to do:" in done.stderr
    assert 'Traceback (most recent call last):\n  File "/' not in done.stderr.split("JobFailed")[0]


@pytest.mark.parametrize(("words", "entry", "message"), long_except(MISTAKES[:1], MISTAKES))
def test_a_mistake_gets_one_message_and_exit_code_1(dcluster, words, entry, message):
    done = dcluster(*words, entry=entry, code=1)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_engines_are_listed_and_the_connection_is_checked(dcluster):
    assert any(
        row["engine"] == "spark" for row in json.loads(dcluster("engines", "list", "-o", "json").stdout)
    )
    assert "Java" in dcluster("engines", "install", "spark").stdout
    assert "schema" in dcluster("registry", "check").stdout
