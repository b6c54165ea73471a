"""Users that the images do not know, and files that jobs write to a volume."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from dcluster_provider.core.record import JobState
from tests.live.kubernetes.conftest import SMALL, ended, gone, running, submit
from tests.live.kubernetes.failures import failed_job

WRITES_FILES = Path(__file__).parents[1] / "applications" / "writes_files.py"
UNKNOWN = 1000650000


@pytest.mark.parametrize(
    ("kind", "field", "by_template", "user"),
    [
        pytest.param("own executors", UNKNOWN, 0, UNKNOWN, id="own-executors"),
        pytest.param("standalone", UNKNOWN, 0, UNKNOWN, id="standalone", marks=pytest.mark.long),
        pytest.param("own executors", 185, 0, 185, id="the-images-own", marks=pytest.mark.long),
        pytest.param(
            "own executors", 0, UNKNOWN, UNKNOWN, id="named-by-the-pod-template", marks=pytest.mark.long
        ),
    ],
)
def test_a_job_runs_as_any_user_and_its_files_have_normal_permissions(bench, kind, field, by_template, user):
    template = json.loads(bench.connection.settings.pod_template)
    if by_template:
        template["spec"]["securityContext"] = {"runAsUser": by_template}
    control = bench.control(spark_user=field, pod_template=json.dumps(template))
    folder = bench.connection.folder / f"{kind.replace(' ', '-')}-{field}-{by_template}"
    cluster = running(control, SMALL) if kind == "standalone" else None
    job = ended(control, submit(control, cluster, WRITES_FILES, args=[str(folder)]))
    log = control.jobs.logs(job.id)
    assert job.state is JobState.SUCCEEDED, job.diagnosis and job.diagnosis.render()
    assert f"user {user}\n" in log
    written = [path for path in folder.rglob("*") if not path.name.startswith(".")]
    assert any(path.name.startswith("part-") for path in written)
    assert {_owner_and_mode(path) for path in written} == {(user, 0o644), (user, 0o755)}
    if cluster is not None:
        gone(control, cluster)


@pytest.mark.long
def test_a_user_that_is_left_to_a_namespace_which_names_none_is_told_of(bench):
    control = bench.control(spark_user=0)
    failure = failed_job(control, lambda: submit(control, None, WRITES_FILES))
    assert failure.code == "ImageRunsAsRoot", failure.text
    assert "spark_user" in failure.error.diagnosis.remedy


def _owner_and_mode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, stat.S_IMODE(found.st_mode)
