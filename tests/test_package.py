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


def imported_packages(folder):
    """The top-level packages that the modules under a folder import, anywhere in them."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


def test_core_imports_nothing_but_pydantic_and_the_standard_library():
    third_party = imported_packages(PACKAGE / "core") - set(sys.stdlib_module_names)
    assert third_party == {"dcluster_provider", "pydantic"}


def test_every_dependency_is_used_and_explained():
    required = [line for line in requires("dcluster-provider") if "extra ==" not in line]
    names = {re.match(r"[\w-]+", line)[0] for line in required}
    modules = {"apache-airflow": "airflow", "pyyaml": "yaml"}
    assert {name for name in names if modules.get(name, name) not in imported_packages(PACKAGE)} == set()
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert {name for name in names if f"**{name}**" not in contributing} == set()


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
