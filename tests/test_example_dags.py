"""Airflow's example loading finds the example DAGs, wherever the package is installed from."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "example_dags"


def test_airflow_loads_them_from_the_installed_package(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    bundles = {bundle.name: bundle.path for bundle in DagBundlesManager().get_all_dag_bundles()}
    examples = DagBag(str(bundles["dcluster-provider-example-dags"]))
    assert examples.import_errors == {}
    found = {Path(dag.fileloc).name for dag in examples.dags.values()}
    assert found == {path.name for path in FOLDER.glob("*.py")}


def test_a_wheel_of_the_source_distribution_brings_every_file_of_them(tmp_path):
    build = [Path(sys.executable).parent / "uv", "build", "--quiet", "--out-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        brought = {name for name in archive.namelist() if "/example_dags/" in name}
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert brought == {f"dcluster_provider/{path.relative_to(ROOT).as_posix()}" for path in files}
