"""What is concluded of a client's Flink jobs; the JobManager is one that answers whatever it is told to."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from local_platform import make_cluster, make_job, until

from dcluster_provider.core.observation import JobPhase
from dcluster_provider.platforms.local.flink.launch import REST_PORT
from dcluster_provider.platforms.local.flink.processes import FlinkView
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import make_plan
from dcluster_provider.platforms.local.processes.process import Command

CLUSTER = make_cluster(type="flink")
JOB = make_job(CLUSTER, application="/etl.sql")
JOB_ID = "0123456789abcdef0123456789abcdef"
FINISHED = {"jid": JOB_ID, "name": "etl", "state": "FINISHED"}
FINISHED["tasks"] = {"total": 1, "running": 0, "finished": 1}


@pytest.fixture
def jobmanager(tmp_path):
    """A JobManager of others: its place, its plan, and the jobs that it knows."""
    known: list[dict] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"jobs": known}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = ClusterPlace(tmp_path, CLUSTER.name)
    engine = LocalEngine("flink", "2.3.0", Path("python"), tmp_path, Path("java"), 17)
    plan = make_plan(place, CLUSTER, engine, {REST_PORT: server.server_address[1]})
    yield place, replace(plan, is_ours=False), known
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("submitted", "knows", "ended_ago", "phase"),
    [
        (True, False, 3600, JobPhase.LOST),
        (True, False, 0, JobPhase.SUCCEEDED),  # it waited for its job longer than that is told of
        (True, True, 3600, JobPhase.SUCCEEDED),
        (False, False, 3600, JobPhase.SUCCEEDED),
    ],
)
def test_what_a_client_has_left_to_a_jobmanager_is_lost_with_that(
    jobmanager, submitted, knows, ended_ago, phase
):
    place, plan, known = jobmanager
    known += [FINISHED] if knows else []
    own = place.job(JOB)
    own.process.start(Command(("true",), dict(os.environ), place.home, own.log))
    until(own.process.state, lambda state: state.is_over)
    own.facts.write_text(f"Submitting job 'etl' ({JOB_ID}).\n" if submitted else "")
    at = time.time() - ended_ago
    os.utime(own.folder / "exit.json", (at, at))
    seen = FlinkView(place, plan, CLUSTER).job(JOB)
    assert seen is not None
    assert seen.phase is phase
