"""What a wheel brings, and that Airflow finds the example DAGs of an editable installation."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
from hanging import HANG_SECONDS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "example_dags"


def test_airflow_loads_them_from_the_installed_package(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    bundles = {bundle.name: bundle.path for bundle in DagBundlesManager().get_all_dag_bundles()}
    examples = DagBag(str(bundles["dcluster-provider-example-dags"]))
    assert examples.import_errors == {}
    found = {Path(dag.fileloc).name for dag in examples.dags.values()}
    assert found == {path.name for path in FOLDER.glob("*.py")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    build = [Path(sys.executable).parent / "uv", "build", "--quiet", "--out-dir", folder, ROOT]
    subprocess.run(build, check=True, timeout=HANG_SECONDS)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_a_wheel_brings_every_file_of_the_examples(wheel):
    brought = {name for name in wheel.namelist() if "/example_dags/" in name}
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert brought == {f"dcluster_provider/{path.relative_to(ROOT).as_posix()}" for path in files}


def test_what_a_package_index_shows_has_no_link_into_the_repository(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    shown = email.message_from_bytes(wheel.read(name)).get_payload()
    assert "# dcluster-provider" in shown
    assert "- Quickstart: install it, launch, submit, terminate" in shown
    assert re.findall(r"\]\((?!https?://)[^)]*\)", shown) == []
