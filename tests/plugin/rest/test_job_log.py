"""The page with a job's log: only for those who may read the task's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from dcluster_provider.core.errors import NotFound, PlatformUnavailable
from dcluster_provider.core.identity import Owner
from dcluster_provider.platforms.base import LogPart

LOG = "line one\nline two\n"
OWNER = Owner("airflow", "dag", "run", "task")


class StoredJobs:
    """Job 1 belongs to a task, job 2 to a person; nothing is left of job 3; the node of job 4 falls silent."""

    def get(self, job_id):
        if job_id > 4:
            raise NotFound(f"There is no job {job_id}")
        return SimpleNamespace(id=job_id, owner=OWNER if job_id == 1 else None, conn_id="dcluster_default")

    def read_log(self, job_id, start=0):
        if job_id == 4 and start:
            raise PlatformUnavailable("the node does not answer")
        log = "" if job_id == 3 else LOG
        return LogPart(log[start : start + 9], min(len(log), start + 9))

    def why_log_is_empty(self, job_id):
        return f"The log of job {job_id} went with its cluster."


@pytest.fixture
def client(airflow_app, airflow_database, monkeypatch):
    from dcluster_provider.plugin import job_log
    from dcluster_provider.plugin.rest.app import make_app

    monkeypatch.setattr(job_log, "DClusterHook", lambda conn_id: SimpleNamespace(jobs=StoredJobs()))
    return TestClient(make_app())


def become(client, role):
    """Answer as the simple auth manager's user with a role would be answered."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user

    client.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="somebody", role=role)


def test_anonymous_is_refused(client):
    assert client.get("/dcluster_default/jobs/1/log").status_code == 401


def test_a_wrong_token_is_refused(client):
    answer = client.get("/dcluster_default/jobs/1/log", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code in {401, 403}


@pytest.mark.parametrize("job_id", [1, 2])
@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_who_may_read_task_logs_reads_the_whole_log(client, role, job_id):
    become(client, role)
    answer = client.get(f"/dcluster_default/jobs/{job_id}/log")
    assert (answer.status_code, answer.text) == (200, LOG)
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_user_without_rights_is_refused(client):
    become(client, None)
    assert client.get("/dcluster_default/jobs/1/log").status_code == 403


def test_of_a_log_that_is_gone_the_page_says_why(client):
    become(client, "admin")
    answer = client.get("/dcluster_default/jobs/3/log")
    assert (answer.status_code, answer.text) == (200, "The log of job 3 went with its cluster.\n")


def test_a_log_that_cannot_be_read_on_says_so_where_it_breaks_off(client):
    become(client, "admin")
    answer = client.get("/dcluster_default/jobs/4/log")
    assert answer.status_code == 200
    assert answer.text.splitlines() == [
        "line one",
        "The log cannot be read from here on: the node does not answer",
        "Load this page again later.",
    ]


def test_a_job_that_does_not_exist(client):
    become(client, "admin")
    answer = client.get("/dcluster_default/jobs/5/log")
    assert (answer.status_code, answer.json()["error"]) == (404, "There is no job 5")


def test_a_job_is_not_found_through_another_connection(client):
    become(client, "admin")
    answer = client.get("/dcluster_other/jobs/2/log")
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "There is no job 2 of the connection 'dcluster_other'",
    )


def test_the_right_is_asked_for_with_the_team_of_the_dag(client, monkeypatch):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.models.dag import DagModel

    asked = []
    monkeypatch.setattr(DagModel, "get_team_name", staticmethod({"dag": "blue"}.get))
    monkeypatch.setattr(
        SimpleAuthManager, "is_authorized_dag", lambda self, *, details, **_: asked.append(details) or True
    )
    become(client, "viewer")
    assert client.get("/dcluster_default/jobs/1/log").status_code == 200
    assert [(details.id, details.team_name) for details in asked] == [("dag", "blue")]
