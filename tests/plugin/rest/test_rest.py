"""The REST API over Airflow's database and a real registry: answers, rights, requests made twice, errors."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic.alias_generators import to_camel

from dcluster_provider.control.jobs import Jobs
from dcluster_provider.core.cluster_spec import ClusterSize, ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.core.state import end_cluster
from dcluster_provider.dags import ids
from dcluster_provider.plugin.rest import bodies, bounded_observer

JOB_FIELDS = list(JobSpec(client="c", module="m").as_json())
CLUSTER = {"tenant": "team", "workers": 2, "extraConfigs": '{"spark.executor.instances": 2}'}
JOB = {"client": "team", "module": "etl", "application": "local:///app.py"}


def error(answer) -> str:
    body = answer.json()
    assert set(body) == {"error", "timestamp", "path"}, body
    assert body["path"] == answer.request.url.path
    assert body["timestamp"].endswith("Z")
    return body["error"]


@pytest.fixture
def admin(api):
    api.become("admin")
    return api.client


def test_the_service_tells_everybody_that_it_is_there(api):
    assert [api.client.get(path).json() for path in ("/", "/cluster/")] == ["Cluster Service"] * 2


@pytest.mark.parametrize(
    ("path", "cluster_type"),
    [
        ("/launch/spark/cluster", "spark"),
        ("/cluster/v2/launch/spark/cluster", "spark3"),
        ("/launch/flink/cluster", "flink"),
    ],
)
def test_a_launch_answers_with_the_id_of_a_stored_request_that_one_run_carries_out(
    admin, api, path, cluster_type
):
    answer = admin.post(path, json=CLUSTER)
    cluster = api.control.clusters.get(int(answer.text))
    assert (cluster.type, cluster.state, cluster.owner) == (cluster_type, ClusterState.REQUESTED, None)
    ((run_id, conf),) = api.runs(ids.LAUNCH_CLUSTER)
    assert (run_id, conf["request_key"]) == (f"rest__cluster_{cluster.id}", cluster.key)
    assert json.loads(admin.get(f"/status/cluster/{cluster.id}").text) == "REQUESTED"
    assert admin.get(f"/status/cluster/name/{cluster.name}").json() == "REQUESTED"


def test_a_route_refuses_the_other_engine_and_names_the_right_one(admin):
    assert "POST /launch/flink/cluster" in error(
        admin.post("/launch/spark/cluster", json=CLUSTER | {"type": "flink"})
    )
    flink = admin.post("/launch/flink/cluster", json=CLUSTER).json()
    assert f"GET /terminate/flink/{flink}" in error(admin.delete(f"/terminate/spark/{flink}"))


def test_the_same_key_gives_the_same_answer_and_one_run_and_another_body_is_refused(admin, api):
    headers = {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(4) as pool:
        asked = pool.map(
            lambda _: admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json(), range(8)
        )
        assert set(asked) == {1}
    assert len(api.runs(ids.LAUNCH_CLUSTER)) == 1
    other = admin.post("/launch/spark/cluster", json=CLUSTER | {"workers": 3}, headers=headers)
    assert other.status_code == 400
    assert "header Idempotency-Key: 'once' came with another request" in error(other)

    api.become("admin", "another")
    assert admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json() == 2


def test_a_cluster_that_has_ended_stays_the_answer_to_its_key(admin, api):
    headers = {"Idempotency-Key": "once"}
    first = admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json()
    registry = api.control.registry
    cluster = registry.clusters.get(first)
    registry.clusters.save(end_cluster(cluster, cluster.created_at))
    api.control.clusters.observe([first])
    assert api.control.clusters.get(first).state is ClusterState.TERMINATED
    assert admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json() == first
    assert "has ended already: TERMINATED" in admin.delete(f"/terminate/spark/{first}").json()
    assert api.runs(ids.TERMINATE_CLUSTER) == []


def test_a_run_that_failed_is_followed_by_another_when_the_request_is_repeated(admin, api):
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    headers = {"Idempotency-Key": "once"}
    first = admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json()
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.dag_id == ids.LAUNCH_CLUSTER).values(state="failed"))
    assert admin.post("/launch/spark/cluster", json=CLUSTER, headers=headers).json() == first
    assert [run_id for run_id, _ in api.runs(ids.LAUNCH_CLUSTER)] == [
        f"rest__cluster_{first}",
        f"rest__cluster_{first}_2",
    ]


def test_a_submitted_job_is_told_of_with_its_id_and_found_by_every_call(admin, api):
    job = admin.post("/job/submit", json=JOB).json()
    assert (job["jobId"], job["client"], job["state"]) == (1, "team", "REQUESTED")
    assert admin.get("/job/status/1").json() == "REQUESTED"
    assert admin.get("/job/info/1").json()["clusterId"] == job["clusterId"]
    assert [each["jobId"] for each in admin.get("/job/list?status=requested").json()] == [1]
    assert admin.get("/job/list?after_id=1").json() == []
    assert admin.get("/job/check/team/etl").json() is True
    assert admin.get("/job/check/team/other").json() is False
    assert "job 1 (team/etl) is REQUESTED" in error(admin.post("/job/submit", json=JOB))
    assert admin.post("/job/stopped/team/etl").json() is True
    assert admin.post("/job/stopped/team/other").json() is False
    assert admin.post("/job/terminate/1").json() == "Job 1 (team/etl) is being terminated"
    assert [run_id for run_id, _ in api.runs(ids.TERMINATE_JOB)] == ["rest__job_1"]
    assert api.control.jobs.get(1).state is JobState.REQUESTED


def test_a_savepoint_is_asked_for_of_flink_jobs_at_work_alone(admin, api, tmp_path, monkeypatch):
    admin.post("/job/submit", json=JOB)
    refused = admin.post("/job/terminate/1?savepoint=true")
    assert refused.status_code == 400
    assert error(refused).startswith("field savepoint: job 1 (team/etl) is of type 'spark3'")
    assert "'savepoint'" in error(admin.post("/job/terminate/1?savepiont=true"))
    (tmp_path / "counting.py").write_text("")
    flink = JOB | {"module": "counting", "jobType": "flink", "application": str(tmp_path / "counting.py")}
    job = admin.post("/job/submit", json=flink).json()["jobId"]
    refused = admin.post(f"/job/terminate/{job}?savepoint=true")
    assert refused.status_code == 400
    assert "only a RUNNING job can make a savepoint" in error(refused)
    assert api.runs(ids.TERMINATE_JOB) == []

    monkeypatch.setattr(Jobs, "check_savepoint", lambda *_: None)
    assert "is being terminated" in admin.post(f"/job/terminate/{job}?savepoint=true").json()
    conf = {"job_id": job, "savepoint": True, "dcluster_conn_id": "dcluster_default"}
    assert api.runs(ids.TERMINATE_JOB) == [(f"rest__job_{job}_savepoint", conf)]


def test_a_job_whose_application_the_connection_filled_in_is_the_same_request(
    admin, api, monkeypatch, tmp_path
):
    (tmp_path / "team.py").write_text("")
    extra = {"home": str(tmp_path / "home"), "application_template": f"{tmp_path}/{{client}}.py"}
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", json.dumps({"conn_type": "dcluster", "extra": extra}))
    body, headers = {"client": "team", "module": "etl"}, {"Idempotency-Key": "once"}
    first, second = (admin.post("/job/submit", json=body, headers=headers).json() for _ in range(2))
    assert first["application"] == f"{tmp_path}/team.py"
    assert (first["jobId"], len(api.runs(ids.SUBMIT_JOB))) == (second["jobId"], 1)


def test_upkeep_is_asked_for_once_while_it_has_not_begun(admin, api):
    assert admin.get("/cluster/check").json() == "The cluster check has been started"
    assert "requested already" in admin.get("/cluster/cluster/check").json()
    assert "has been started" in admin.get("/job/monitor/alert").json()
    assert (admin.get("/node/croncleanup").text, admin.get("/ec2-info").json()) == ("", [])
    assert admin.get("/ec2-list-info").json() == 0
    assert [len(api.runs(dag)) for dag in (ids.CLUSTER_CHECK, ids.LONG_RUNNING_ALERT, ids.NODE_CLEANUP)] == [
        1
    ] * 3


def test_instances_are_recorded_and_nodes_refused_where_there_is_no_cloud(admin, api):
    assert admin.post("/log/instance/i-1", json={"state": "running"}).content == b""
    assert api.control.registry.instances.get("i-1").info == {"state": "running"}
    for path, body in (
        ("/node/launch", {"nodeCount": 1, "instanceType": "m5.large"}),
        ("/node/destroy", {"nodeIds": ["i-1"]}),
    ):
        assert "come from no cloud" in error(admin.post(path, json=body))


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/launch/spark/cluster", {}, "field tenant: is required"),
        ("POST", "/launch/spark/cluster", {"tenant": "a", "worker": 3}, "did you mean 'workers'?"),
        ("POST", "/launch/spark/cluster", [1], "is not a JSON object"),
        ("POST", "/job/submit", {"client": "a", "module": "b"}, "field application: missing"),
        ("POST", "/job/submit", JOB | {"clusterName": "nope"}, "There is no cluster named 'nope'"),
        ("GET", "/status/cluster/x", None, "path parameter cluster_id"),
        ("GET", "/job/list?status=runing", None, "did you mean 'RUNNING'?"),
        ("GET", "/job/list?statsu=running", None, "did you mean 'status'?"),
        ("GET", "/job/list?limit=0", None, "query parameter limit"),
        ("GET", "/job/check/a/%00", None, "path parameter module"),
        ("GET", "/job/list?conn_id=nope", None, "There is no connection 'nope'"),
        ("GET", "/nope", None, "There is nothing at this path"),
        ("PUT", "/job/list", None, "PUT is not allowed"),
    ],
)
def test_every_error_says_what_is_wrong(admin, method, path, body, words):
    answer = admin.request(method, path, json=body)
    assert words in error(answer)
    assert answer.status_code in {400, 404, 405}


def test_a_body_has_to_be_json_and_say_so(admin):
    path, header = "/launch/spark/cluster", {"content-type": "application/json"}
    assert "header Content-Type" in error(
        admin.post(path, content="{}", headers={"content-type": "text/plain"})
    )
    assert "is not JSON" in error(admin.post(path, content="{", headers=header))
    assert "NaN is no JSON number" in error(admin.post(path, content='{"workers": NaN}', headers=header))
    assert "is nested too deeply" in error(admin.post(path, content="[" * 200_000, headers=header))
    assert "has more than 1048576 bytes" in error(admin.post(path, content=" " * 1_100_000, headers=header))


def test_a_failure_of_the_server_shows_no_traceback(admin, monkeypatch):
    from dcluster_provider.plugin.rest import requests

    def fail(_):
        raise RuntimeError("secret")

    monkeypatch.setattr(requests, "DClusterHook", fail)
    answer = admin.get("/status/cluster/1")
    assert answer.status_code == 500
    assert error(answer) == "The server failed with RuntimeError; the API server's log has the details"


def test_a_paused_dag_is_told_of_before_anything_is_stored(admin, api):
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    def pause(value: bool) -> None:
        with create_session() as session:
            session.execute(
                update(DagModel).where(DagModel.dag_id == ids.LAUNCH_CLUSTER).values(is_paused=value)
            )

    pause(True)
    try:
        answer = admin.post("/launch/spark/cluster", json=CLUSTER)
    finally:
        pause(False)
    assert (answer.status_code, "is paused" in error(answer)) == (500, True)
    assert api.control.clusters.list() == []


def test_a_record_is_only_looked_at_through_its_own_connection(admin, api, monkeypatch):
    cluster = admin.post("/launch/spark/cluster", json=CLUSTER).json()
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", __import__("os").environ["AIRFLOW_CONN_DCLUSTER_DEFAULT"])
    answer = admin.get(f"/status/cluster/{cluster}?conn_id=other")
    assert "through the connection 'dcluster_default', not 'other'" in error(answer)


def test_a_page_of_another_site_cannot_have_things_changed(admin):
    answer = admin.get("/cluster/check", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, "another site" in error(answer)) == (403, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "X-Requested-With": "x"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"X-Requested-With": "curl"}, 200),
        ({"Authorization": "Bearer token"}, 200),
        ({"Authorization": "Bearer token", "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Authorization": "Basic token"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/cluster/check", "/job/monitor/alert", "/ec2-list-info"])
def test_a_cookie_alone_has_nothing_changed(admin, path, headers, status):
    answer = admin.get(path, headers={"Cookie": "_token=session"} | headers)
    assert answer.status_code == status
    assert admin.get("/job/list", headers={"Cookie": "_token=session"}).status_code == 200


def test_rights_are_those_on_the_bundled_dags(api, monkeypatch):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    asked = []

    def answer(self, *, method, user, access_entity=None, details=None):
        asked.append((method, access_entity and access_entity.name, details.id))
        return details.id != ids.TERMINATE_CLUSTER

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", answer)
    api.become("user")
    cluster = api.client.post("/launch/spark/cluster", json=CLUSTER).json()
    assert cluster == 1
    refused = api.client.delete(f"/terminate/spark/{cluster}")
    assert (refused.status_code, ids.TERMINATE_CLUSTER in error(refused)) == (403, True)
    assert asked == [("POST", "RUN", ids.LAUNCH_CLUSTER), ("POST", "RUN", ids.TERMINATE_CLUSTER)]


def test_the_description_has_the_25_calls_and_the_page(admin):
    paths = admin.get("/openapi.json").json()["paths"]
    operations = [(method, path) for path, methods in paths.items() for method in methods]
    ours = {"/{conn_id}/jobs/{job_id}/log", "/resize/cluster/{cluster_id}"}
    assert len([path for _, path in operations if path not in ours]) == 25
    for method, path in operations:
        responses = paths[path][method]["responses"]
        assert {"400", "401", "403", "404", "500"} <= set(responses), path
        assert "422" not in responses
        assert path == "/" or paths[path][method]["security"], path
    assert "swagger" in admin.get("/docs").text


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        ("/launch/spark/cluster", ClusterSpec),
        ("/launch/flink/cluster", ClusterSpec),
        ("/job/submit", JobSpec),
        ("/resize/cluster/{cluster_id}", ClusterSize),
        ("/node/launch", NodeRequest),
        ("/node/destroy", DestroyRequest),
    ],
)
def test_the_description_has_what_each_field_of_a_body_declares(admin, path, spec):
    body = admin.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]
    shown = body["content"]["application/json"]["schema"]["properties"]
    declared = {to_camel(name): field.description for name, field in spec.model_fields.items()}
    assert {name: schema["description"] for name, schema in shown.items()} == declared


@pytest.fixture
def silent_platform(api, monkeypatch):
    """A platform that does not answer before the test is over; how often it was asked."""

    over, asked = threading.Event(), []

    def hang(self, records):
        asked.append(records)
        over.wait()
        return {}

    platform = type(api.control.platform)
    monkeypatch.setattr(platform, "observe_clusters", hang)
    monkeypatch.setattr(platform, "observe_jobs", hang)
    monkeypatch.setattr(bounded_observer, "OBSERVER", bounded_observer.BoundedObserver(seconds=0.05))
    yield asked
    over.set()


@pytest.mark.parametrize(
    "path", ["/job/status/1", "/job/info/1", "/status/cluster/1", "/status/spark/cluster/1"]
)
def test_a_platform_that_does_not_answer_holds_up_no_call(admin, api, silent_platform, path):
    job = admin.post("/job/submit", json=JOB).json()
    first, second = admin.get(path), admin.get(path)
    for answer in (first, second):
        assert (answer.status_code, answer.headers["Warning"]) == (200, '110 dcluster "Response is Stale"')
        assert int(answer.headers["Age"]) >= 0
    assert len(silent_platform) == 1  # what is asked already is not asked again
    if path == "/job/info/1":
        assert (second.json()["state"], second.json()["jobId"]) == ("REQUESTED", job["jobId"])
        assert "connection 'dcluster_default' has not answered for" in second.json()["stale"]["why"]
    else:
        assert second.json() == "REQUESTED"


def test_an_answer_of_this_moment_has_no_age(admin):
    admin.post("/job/submit", json=JOB)
    for path in ("/job/status/1", "/status/cluster/1", "/job/info/1"):
        answer = admin.get(path)
        assert "Age" not in answer.headers
    assert "stale" not in answer.json()


def test_looks_are_few_at_a_time_and_another_connection_is_looked_at_meanwhile():
    from dcluster_provider.core.errors import PlatformUnavailable
    from dcluster_provider.plugin.rest.bounded_observer import BoundedObserver

    over = threading.Event()
    looks = BoundedObserver(seconds=0.05, threads=2)
    with pytest.raises(PlatformUnavailable, match=r"'silent' has not answered for 0\.05 s"):
        looks.within_limits("silent", over.wait)
    with pytest.raises(PlatformUnavailable, match="'silent' has not answered for 0 s"):
        looks.within_limits("silent", lambda: "never begun")
    assert looks.within_limits("other", lambda: "seen") == "seen"
    with pytest.raises(PlatformUnavailable):
        looks.within_limits("slow", over.wait)
    with pytest.raises(PlatformUnavailable, match="2 polls are running already"):
        looks.within_limits("other", lambda: "never begun")
    over.set()
    for thread in threading.enumerate():
        if thread.name == "dcluster-poll":
            thread.join()
    assert looks.within_limits("silent", lambda: "seen") == "seen"
    with pytest.raises(ZeroDivisionError):
        looks.within_limits("silent", lambda: 1 / 0)


@pytest.mark.parametrize("number", [-(10**30), -1, 0, 2**31, 10**30])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/job/info/{}"),
        ("GET", "/job/status/{}"),
        ("POST", "/job/terminate/{}"),
        ("GET", "/status/cluster/{}"),
        ("DELETE", "/terminate/spark/{}"),
        ("GET", "/terminate/flink/{}"),
        ("GET", "/dcluster_default/jobs/{}/log"),
    ],
)
def test_a_number_that_nothing_has_is_not_found(admin, method, path, number):
    assert admin.request(method, path.format(number)).status_code == 404


def test_null_is_a_field_that_was_not_given(admin):
    job = admin.post("/job/submit", json=JOB | {"numWorkers": None, "savepoint": None, "extraCmd": None})
    assert job.status_code == 200
    told = admin.get("/job/info/1").json()
    entity = {name: told[name] for name in JOB_FIELDS if name not in {"clusterName", "clusterId"}}
    assert None in entity.values()
    assert admin.post("/job/submit", json=entity | {"module": "again"}).status_code == 200
    assert "field client: is required" in error(admin.post("/job/submit", json=JOB | {"client": None}))


def test_settings_are_answered_as_the_text_that_the_entity_has(admin):
    settings = {"spark.executor.instances": "2"}
    text = admin.post("/job/submit", json=JOB | {"extraCmd": settings}).json()["extraCmd"]
    assert json.loads(text) == settings
    assert admin.get("/job/info/1").json()["extraCmd"] == admin.get("/job/list").json()[0]["extraCmd"] == text
    again = admin.post("/job/submit", json=JOB | {"module": "again", "extraCmd": text})
    assert again.json()["extraCmd"] == text


def test_names_may_have_a_slash_in_them(admin, api):
    admin.post("/job/submit", json=JOB | {"client": "a/b", "module": "100%2Fc"})
    assert admin.get("/job/check/a%2Fb/100%252Fc").json() is True
    assert admin.get("/cluster/job/check/a%2fb/100%252Fc").json() is True
    assert admin.get("/job/check/a%2Fb/other").json() is False
    assert admin.post("/job/stopped/a%2Fb/100%252Fc").json() is True
    missing = admin.get("/status/cluster/name/a%2Fb")
    assert (missing.status_code, missing.json()["path"]) == (404, "/status/cluster/name/a%2Fb")
    assert admin.post("/log/instance/gce%2Fone", json={"state": "running"}).status_code == 200
    assert api.control.registry.instances.get("gce/one").info == {"state": "running"}


def test_head_is_answered_as_get_without_a_body_where_nothing_is_changed(admin, api):
    admin.post("/job/submit", json=JOB)
    for path in ("/", "/job/list", "/job/status/1", "/job/info/1"):
        head, get = admin.head(path), admin.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert admin.head("/job/info/9").status_code == 404
    for path in ("/cluster/check", "/terminate/flink/1", "/job/terminate/1"):
        assert admin.head(path).status_code == 405
    assert api.runs(ids.CLUSTER_CHECK) == []


def test_a_list_says_how_many_there_are_and_where_the_next_page_is(admin):
    for number in range(5):
        admin.post("/job/submit", json=JOB | {"module": f"m{number}"})
    path, pages = "/job/list?status=requested&limit=2", []
    while path:
        answer = admin.get(path)
        assert answer.headers["X-Total-Count"] == "5"
        pages.append([job["jobId"] for job in answer.json()])
        link = answer.headers.get("Link")
        path = link and "/job/list" + link.removeprefix("<").removesuffix('>; rel="next"')
    assert pages == [[5, 4], [3, 2], [1]]
    assert admin.get("/job/list?status=failed").headers["X-Total-Count"] == "0"


@pytest.mark.parametrize("root_path", ["", "/airflow"])
def test_the_service_is_found_without_its_slash(root_path):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from dcluster_provider.plugin.rest.paths import ServiceWithoutSlash

    app = FastAPI()
    app.add_middleware(ServiceWithoutSlash)
    app.add_api_route("/{path:path}", lambda path: f"page of {path}")
    client = TestClient(app, follow_redirects=False, root_path=root_path)
    answer = client.get(f"{root_path}/dcluster")
    assert (answer.status_code, answer.headers["location"]) == (307, "dcluster/")
    assert client.get(f"{root_path}/dclusters").json() == "page of dclusters"


def test_the_entity_of_the_documentation_needs_an_application(admin, monkeypatch, tmp_path):
    body = {name: value for name, value in bodies.JOB.items() if name != "clusterName"}
    refused = admin.post("/job/submit", json=body)
    assert (refused.status_code, "field application: missing" in error(refused)) == (400, True)
    page = (Path(__file__).parents[3] / "docs" / "rest-api.md").read_text()
    assert "`application_template`" in page.partition("<!-- calls: generated")[0]
    (tmp_path / "team.py").write_text("")
    extra = {"home": str(tmp_path / "home"), "application_template": f"{tmp_path}/team.py"}
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", json.dumps({"conn_type": "dcluster", "extra": extra}))
    assert admin.post("/job/submit", json=body).status_code == 200


@pytest.fixture
def elastic(admin, api):
    """The id of an elastic cluster that runs, as far as the registry knows."""
    number = admin.post("/launch/spark/cluster", json={"tenant": "team", "maxWorkers": 4}).json()
    clusters = api.control.registry.clusters
    cluster = clusters.get(number)
    clusters.save(replace(cluster, state=ClusterState.RUNNING))
    return number


def test_a_resize_answers_at_once_and_one_run_does_it(admin, api, elastic):
    path, headers = f"/resize/cluster/{elastic}", {"Idempotency-Key": "once"}
    answers = [admin.post(path, json={"workers": 3}, headers=headers).json() for _ in range(2)]
    assert len(set(answers)) == 1
    assert answers[0].endswith("is being resized to 3 workers")
    ((run_id, conf),) = api.runs(ids.RESIZE_CLUSTER)
    assert run_id.startswith(f"rest__cluster_{elastic}_")
    assert conf == {"cluster_id": elastic, "workers": 3, "dcluster_conn_id": "dcluster_default"}
    other = admin.post(path, json={"workers": 2}, headers=headers)
    assert (other.status_code, "with another body" in error(other)) == (400, True)
    admin.post(path, json={"workers": 2})
    assert len(api.runs(ids.RESIZE_CLUSTER)) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"workers": 5}, "field workers: 5 is out of the bounds"),
        ({"workers": "two"}, "field workers: has to be a whole number"),
        ({"worker": 2}, "did you mean 'workers'?"),
        ({}, "field workers: is required"),
    ],
)
def test_a_size_that_cannot_be_is_refused_before_there_is_a_run(admin, api, elastic, body, why):
    assert why in error(admin.post(f"/resize/cluster/{elastic}", json=body))
    assert api.runs(ids.RESIZE_CLUSTER) == []


def test_a_request_is_the_same_after_its_cluster_was_resized(admin, api):
    headers = {"Idempotency-Key": "once"}
    body = {"tenant": "team", "maxWorkers": 4}
    number = admin.post("/launch/spark/cluster", json=body, headers=headers).json()
    clusters = api.control.registry.clusters
    clusters.save(replace(clusters.get(number), state=ClusterState.RUNNING))
    clusters.resize(number, 3, clusters.get(number).created_at)
    assert admin.post("/launch/spark/cluster", json=body, headers=headers).json() == number
    other = admin.post("/launch/spark/cluster", json=body | {"maxWorkers": 5}, headers=headers)
    assert other.status_code == 400
