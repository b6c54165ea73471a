"""The Trigger form of each bundled DAG, filled by hand in a real browser: the run has what was written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hanging import ANSWER_SECONDS
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

from dcluster_provider.dags import ids
from tests.live.api_server import ApiServer
from tests.live.trials import long_except

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
# DAG: section -> field -> what is written; and what the run's parameters have to be.
FORMS: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    ids.LAUNCH_CLUSTER: (
        {"Life": {"long_living": True, "idle_timeout": 600}, "Cluster": {"tenant": "sales", "workers": 3}},
        {"tenant": "sales", "workers": 3, "long_living": True, "idle_timeout": 600, "type": "spark3"},
    ),
    ids.RESIZE_CLUSTER: ({"Cluster": {"cluster_id": 12, "workers": 4}}, {"cluster_id": 12, "workers": 4}),
    ids.TERMINATE_CLUSTER: (
        {"Cluster": {"cluster_id": 12, "force": True}},
        {"cluster_id": 12, "force": True},
    ),
    ids.SUBMIT_JOB: (
        {
            "Cluster": {"cluster_id": 12},
            "Dependencies": {"requirements": "pandas==2.2.3\npyarrow"},
            "Environment": {"secrets": '[{"env": "DB_PASSWORD", "connection": "warehouse"}]'},
            "Job": {
                "client": "sales",
                "module": "report",
                "sql": "SET spark.sql.shuffle.partitions = 8;\nSELECT 1",
            },
        },
        {
            "client": "sales",
            "module": "report",
            "cluster_id": 12,
            "sql": "SET spark.sql.shuffle.partitions = 8;\nSELECT 1",
            "requirements": ["pandas==2.2.3", "pyarrow"],
            "secrets": [{"env": "DB_PASSWORD", "connection": "warehouse"}],
        },
    ),
    ids.TERMINATE_JOB: ({"Job": {"job_id": 34, "savepoint": True}}, {"job_id": 34, "savepoint": True}),
    ids.LAUNCH_NODES: (
        {"Nodes": {"node_count": 3, "instance_type": "m5.large", "region": "us-west-2"}},
        {"node_count": 3, "instance_type": "m5.large", "region": "us-west-2"},
    ),
    ids.DESTROY_NODES: (
        {"Nodes": {"node_ids": "i-1234567890abcdef0\ni-1234567890abcdef1"}},
        {"node_ids": ["i-1234567890abcdef0", "i-1234567890abcdef1"]},
    ),
    ids.CLUSTER_CHECK: ({"Request": {"dry_run": True}}, {"dry_run": True}),
    ids.LONG_RUNNING_ALERT: ({"Request": {"dry_run": True}}, {"dry_run": True}),
    ids.NODE_CLEANUP: (
        {"Request": {"dry_run": True, "dcluster_conn_ids": "dcluster_default\ndcluster_research"}},
        {"dry_run": True, "dcluster_conn_ids": ["dcluster_default", "dcluster_research"]},
    ),
    ids.INSTANCE_SYNC: ({"Cloud": {"region": "us-west-2"}}, {"region": "us-west-2"}),
}

# Between them every kind of field: texts, numbers, objects, lists and switches.
VARIED = (ids.SUBMIT_JOB,)


@pytest.fixture(scope="module")
def browser(server) -> Iterator[BrowserContext]:
    """A browser in which a user has logged in."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    brought = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    if program is None and not list(brought.glob("chromium-*")):
        pytest.skip("no Chromium is installed (playwright install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        # As high as the longest section, so that a picture has all of it.
        context = chromium.new_context(viewport={"width": 1100, "height": 1900})
        context.set_default_timeout(1000 * ANSWER_SECONDS)
        expect.set_options(timeout=1000 * ANSWER_SECONDS)
        page = context.new_page()
        page.goto(f"{server.url}/auth/login")
        page.locator("input[name=username]").fill("user")
        page.locator("input[name=password]").fill("user-password")
        page.locator("button[type=submit]").click()
        page.wait_for_url(lambda url: "/auth/login" not in url)
        page.close()
        yield context
        chromium.close()


@pytest.mark.parametrize("dag_id", long_except(VARIED, FORMS))
def test_a_form_that_a_person_fills_makes_the_run(server, browser, dag_id, tmp_path):
    sections, wanted = FORMS[dag_id]
    page = browser.new_page()
    page.goto(f"{server.url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")
    for section, fields in sections.items():
        opener = form.get_by_role("button", name=section, exact=True)
        opener.click()
        for name, value in fields.items():
            _fill(page, form, name, value)
    folder = IMAGES if os.environ.get("DCLUSTER_WRITE_DOCS") == "1" else tmp_path
    form.screenshot(path=folder / f"trigger-{dag_id.removeprefix('dcluster_').replace('_', '-')}.png")
    submit = form.get_by_role("button", name="Trigger", exact=True)
    expect(submit).to_be_enabled()
    submit.click()
    expect(form).to_be_hidden()
    page.close()

    (conf,) = _confs_of_people(server, dag_id)
    assert {name: conf.get(name) for name in wanted} == wanted


def _fill(page: Page, form: Locator, name: str, value: Any) -> None:
    field = form.locator(f"[name=element_{name}]")
    if isinstance(value, bool):
        # The checkbox itself is hidden under what shows it.
        field.locator("xpath=ancestor::label").click()
        expect(field).to_be_checked(checked=value)
        return
    # The section opens some time after the click on it; until then every field in it is hidden.
    expect(form.locator(f"[name=element_{name}]:visible, [id=element_{name}]:visible").first).to_be_visible()
    if field.count() == 0 or not field.is_visible():
        form.locator(f"#element_{name} .cm-content, [id=element_{name}]").first.click()
        page.keyboard.press("Control+A")  # an editor of JSON has its default in it
        page.keyboard.insert_text(str(value))
        page.keyboard.press("Control+Shift+End")  # what the editor has closed by itself
        page.keyboard.press("Delete")
    else:
        field.fill(str(value))
        field.blur()


def _confs_of_people(server: ApiServer, dag_id: str) -> list[dict[str, Any]]:
    with server.client("admin") as client:
        wanted = {"run_id_pattern": "manual__%"}  # our REST API names its runs itself
        answer = client.get(f"/api/v2/dags/{dag_id}/dagRuns", params=wanted).raise_for_status()
        return [run["conf"] for run in answer.json()["dag_runs"]]
