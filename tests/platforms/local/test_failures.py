"""Which end of a worker breaks a cluster of this machine: the one of a worker that never joined, and the last one."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from dcluster_provider.platforms.local.failures import cluster_failure
from dcluster_provider.platforms.local.flink import processes as flink_view
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.spark import processes as spark_view

PLAN = SimpleNamespace(workers=2, worker_roles=("worker-0", "worker-1"), ports={})
TERMS = {"spark": spark_view._TERMS, "flink": flink_view._TERMS}
WORKER = {
    "spark": "INFO Worker: Starting Spark worker 127.0.0.1:37773 with 1 cores, 1024.0 MiB RAM\n",
    "flink": "INFO  TaskManagerRunner - Starting TaskManager with ResourceID: worker-1\n",
}
JOINED = {
    "spark": "INFO Master: Registering worker 127.0.0.1:37773 with 1 cores, 1024.0 MiB RAM\n",
    "flink": "INFO  ResourceManager - Registering TaskManager with ResourceID worker-1 (pekko.tcp://flink@127.0.0.1"
    ":43561/user/rpc/taskmanager_0) at ResourceManager\n",
}
ANOTHER_JOINED = {
    "spark": JOINED["spark"].replace(":37773 ", ":3777 "),
    "flink": JOINED["flink"].replace("worker-1 ", "worker-10 "),
}


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, "spark3-dev")
    place.logs.mkdir(parents=True)
    return place


def kill(place, *roles):
    for role in roles:
        folder = place.process(role).folder
        folder.mkdir(parents=True)
        (folder / "exit.json").write_text(json.dumps({"code": -9}))


@pytest.mark.parametrize("engine", TERMS)
def test_a_worker_that_is_killed_as_it_joins_leaves_the_others_at_work(engine, place):
    place.log("worker-1").write_text(WORKER[engine])  # and not yet that the master has answered
    place.log("master").write_text(ANOTHER_JOINED[engine] + JOINED[engine])
    kill(place, "worker-1")
    assert cluster_failure(place, PLAN, TERMS[engine]) is None
    kill(place, "worker-0")
    assert "worker-0 was killed by signal 9" in cluster_failure(place, PLAN, TERMS[engine]).cause


@pytest.mark.parametrize("engine", TERMS)
@pytest.mark.parametrize("logs", [{}, WORKER])
def test_a_worker_that_never_joined_breaks_the_cluster(logs, engine, place):
    if logs:
        place.log("worker-1").write_text(logs[engine])
    place.log("master").write_text(ANOTHER_JOINED[engine])
    kill(place, "worker-1")
    assert "worker-1 was killed by signal 9" in cluster_failure(place, PLAN, TERMS[engine]).cause
