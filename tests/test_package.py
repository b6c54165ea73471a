"""What holds for the package as a whole."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import requires
from pathlib import Path

import dcluster_provider

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dcluster_provider"
# Ours, the standard library's, what lives in the engines' own environments, and types that only a checker reads.
OURS = {"dcluster_provider", *sys.stdlib_module_names, "pyspark", "pyflink", "types_boto3_ec2"}
# By a module's name, where it is not the distribution's.
DISTRIBUTIONS = {
    "airflow": "apache-airflow",
    "airflow.providers.amazon": "apache-airflow-providers-amazon",
    "airflow.providers.cncf.kubernetes": "apache-airflow-providers-cncf-kubernetes",
    "airflow.providers.google": "apache-airflow",  # whoever names a connection of its type has it
    "airflow.providers.openlineage": "apache-airflow-providers-openlineage",
    "airflow.providers.smtp": "apache-airflow-providers-smtp",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud": "google-cloud-container",
    "grpc": "grpcio",
    "openlineage": "openlineage-python",
    "yaml": "pyyaml",
}
# SQLAlchemy's driver; connections of type postgres; what the amazon provider makes clients with.
LOADED_BY_OTHERS = {"psycopg2-binary", "apache-airflow-providers-postgres", "boto3"}


def imported_modules(folder):
    """The modules that those under a folder import, anywhere in them."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_core_imports_nothing_but_pydantic_and_the_standard_library():
    packages = {name.split(".")[0] for name in imported_modules(PACKAGE / "core")}
    assert packages - set(sys.stdlib_module_names) == {"dcluster_provider", "pydantic"}


def test_every_dependency_is_explained():
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert {name for name in declared() if f"**{name}**" not in contributing} == set()


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    modules = {name for name in imported_modules(PACKAGE) if name.split(".")[0] not in OURS}
    imported = {name: distribution_of(name) for name in modules}
    assert {name for name, distribution in imported.items() if distribution not in declared()} == set()
    assert declared() - set(imported.values()) == LOADED_BY_OTHERS


def declared():
    """The distributions that the package names, with all extras."""
    return {re.match(r"[\w-]+", line)[0] for line in requires("dcluster-provider")} - {"dcluster-provider"}


def distribution_of(module):
    """Who brings a module: the longest name of the table that it begins with, or a distribution of its own name."""
    fitting = [name for name in DISTRIBUTIONS if f"{module}.".startswith(f"{name}.")]
    return DISTRIBUTIONS[max(fitting, key=len)] if fitting else module.split(".")[0].replace("_", "-")


def test_make_bench_runs_every_benchmark():
    makefile = (ROOT / "Makefile").read_text()
    assert {path.name for path in (ROOT / "benchmarks").glob("*_bench.py")} == set(
        re.findall(r"\w+_bench\.py", makefile)
    )


def test_changelog_is_about_this_version():
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[1] == dcluster_provider.__version__


def test_every_public_module_class_and_function_has_a_docstring():
    missing = []
    for path in PACKAGE.rglob("*.py"):
        if "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        nodes = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        for node in [tree, *nodes]:
            name = getattr(node, "name", "")
            if not name.startswith("_") and ast.get_docstring(node) is None:
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert missing == []
