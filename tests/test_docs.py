"""Every code block of the documentation is read by what it is written for, and the tables name everything."""

from __future__ import annotations

import io
import json
import re
import runpy
import shlex
import subprocess
from pathlib import Path

import pytest
from local_platform import make_cluster, make_job

from dcluster_provider.control import templates
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.core.spec import parse
from dcluster_provider.engines.application import handed_environment, handed_over
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.hooks import metrics
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.hooks.connection_form import default_of, own_fields
from dcluster_provider.storage.object_storage import AirflowObjectStorage

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(*languages):
    """The code blocks in these languages, as pytest parameters named after their page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] in languages:
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(match[2], id=f"{page.name}:{line}"))
    return found


def commands(program):
    """The lines of the bash blocks that call a program, as pytest parameters."""
    lines = [line for block in blocks("bash") for line in block.values[0].splitlines()]
    return [line for line in lines if shlex.split(line)[:1] == [program]]


def page(name):
    return (ROOT / "docs" / name).read_text()


def rendered(name):
    """A page as it is before Sphinx parses it: with the tables of the specifications."""
    return runpy.run_path(str(ROOT / "docs" / "conf.py"))["with_field_tables"](page(name))


def test_every_block_is_of_a_kind_that_is_read():
    languages = {
        language for path in PAGES for language in re.findall(r"^```(\S+)$", path.read_text(), re.MULTILINE)
    }
    assert languages == {"python", "bash", "json", "ini", "{toctree}"}
    programs = {shlex.split(line)[0] for block in blocks("bash") for line in block.values[0].splitlines()}
    assert programs == {"make", "pip", "airflow", "curl", "export", "kubectl"}


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_are_dags_that_import(code, tmp_path):
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "example.py").write_text(code)
    bag = DagBag(str(tmp_path))
    assert bag.import_errors == {}
    assert len(bag.dags) == 1


@pytest.mark.parametrize("line", commands("airflow"))
def test_airflow_commands_are_understood(line):
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("line", commands("kubectl"))
def test_kubectl_commands_are_those_that_were_tried(line):
    words = iter(shlex.split(line)[1:])
    verb = next(word for word in words if not (word in {"-n", "--kubeconfig"} and next(words)))
    assert verb in {"create", "config", "port-forward"}


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line):
    dry = subprocess.run(
        [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert dry.returncode == 0, dry.stderr


@pytest.mark.parametrize("text", blocks("json"))
def test_json_blocks_are_accepted(text, monkeypatch):
    value = json.loads(text)
    if "timestamp" in value:
        from dcluster_provider.plugin.rest.errors import ErrorBody

        assert ErrorBody.model_validate(value).error
    elif "remedy" in value:
        assert Diagnosis.from_json(value).code in LogCode
    elif "Statement" in value:
        assert value["Version"] == "2012-10-17"  # its actions: tests/nodes/ec2/test_policy.py
        assert all(set(it) <= {"Effect", "Action", "Resource", "Condition"} for it in value["Statement"])
    elif value.get("conn_type") == "aws":
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", text)
        assert len(AirflowObjectStorage().credentials("lake")) == 2
    elif "conn_type" in value:
        value["extra"].pop("registry_conn_id", None)  # names a connection that only exists for the reader
        settings_from("dcluster_default", value["extra"])
    else:
        parse(JobSpec if "client" in value else ClusterSpec, value)


def enabled_bundles():
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    return {bundle.name: bundle.path for bundle in DagBundlesManager().get_all_dag_bundles()}


@pytest.mark.parametrize("text", blocks("ini"))
def test_ini_blocks_in_place_of_an_option_of_airflows_own_file_enable_the_bundle(text, monkeypatch):
    from configparser import ConfigParser

    from airflow.configuration import conf

    name = text.split(" =")[0]
    written = io.StringIO()
    # As Airflow writes it at its first start.
    conf.write(written, include_sources=False, only_defaults=True, show_values=True, extra_spacing=True)
    own = written.getvalue()
    option = re.compile(rf"^{name} = .*\n(?:[ \t].*\n)*", re.MULTILINE)
    assert len(option.findall(own)) == 1
    changed = ConfigParser(interpolation=None)
    changed.read_string(option.sub(lambda _: text, own))  # refuses a section or an option that is there twice
    monkeypatch.setenv(f"AIRFLOW__DAG_PROCESSOR__{name}".upper(), changed.get("dag_processor", name))
    bundles = enabled_bundles()
    assert sorted(bundles) == ["dags-folder", "dcluster"]
    assert (bundles["dcluster"] / "launch_cluster.py").exists()


@pytest.mark.parametrize("line", commands("export"))
def test_variables_enable_the_bundle(line, monkeypatch):
    name, value = shlex.split(line)[1].split("=", 1)
    monkeypatch.setenv(name, value)
    assert sorted(enabled_bundles()) == ["dags-folder", "dcluster"]


@pytest.mark.parametrize("line", commands("pip"))
def test_pip_installs_this_package_beside_an_airflow_that_it_supports(line):
    words = shlex.split(line)
    pinned = re.search(r"^apache-airflow==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert re.match(r"pip install (\.|dcluster-provider\[\w+\])( |$)", " ".join(words))
    for version in re.findall(r"(?:apache-airflow==|constraints-)(3\.\d+\.\d+)", line):
        assert version == pinned.group(1)


@pytest.mark.parametrize("line", commands("curl"))
def test_curl_commands_ask_for_paths_that_there_are(line):
    from urllib.parse import urlsplit

    from dcluster_provider.plugin.rest.app import app

    path = next(urlsplit(word).path for word in shlex.split(line) if word.startswith("https://"))
    known = {f"/dcluster{route}" for route in app.openapi()["paths"]} | {"/auth/token"}
    assert path in known


@pytest.mark.parametrize("spec", [ClusterSpec, JobSpec])
def test_every_field_of_the_specifications_is_explained(spec):
    text = rendered("operators.md")
    assert f"<!-- fields of {spec.__name__} -->" not in text
    for name, field in spec.model_fields.items():
        row = re.search(
            rf"^\| `{name}` \| .+ \| (.*) \| {re.escape(field.description)} \|$", text, re.MULTILINE
        )
        assert row, name
        assert (row[1] == "required") == field.is_required()


def test_everything_that_applications_are_told_is_explained():
    cluster = make_cluster()
    job = make_job(cluster)
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \| `([\w.]+)` \|", page("jobs.md"), re.MULTILINE)
    names = handed_over(job, cluster)
    assert [row[0] for row in rows] == list(names)
    assert [row[1] for row in rows] == list(handed_environment(job, cluster))
    assert [row[2:] for row in rows] == [(f"spark.dcluster.{name}", f"dcluster.{name}") for name in names]


def test_every_placeholder_is_explained():
    text = page("jobs.md")
    names = {*templates.APPLICATION_PLACEHOLDERS, *templates.LOG_PLACEHOLDERS}
    assert {name for name in names if f"`{{{name}}}`" not in text} == set()


def test_every_metric_is_explained():
    rows = set(re.findall(r"^\| `(dcluster\.[\w.]+)` \|", page("jobs.md"), re.MULTILINE))
    names = {value for name, value in vars(metrics).items() if name.isupper() and isinstance(value, str)}
    assert rows == names


def test_every_state_is_explained():
    text = page("operators.md")
    names = {state.value for state in (*ClusterState, *JobState)}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_fields_of_the_connection_are_explained_as_in_the_form():
    text = rendered("connection.md").split("## Settings of Airflow")[0]
    assert "<!-- fields of " not in text
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    explained = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert len(explained) == len(rows)
    assert explained == {
        # The home has its default from the configuration.
        name: ("required" if field.is_required() and name != "home" else default_of(field), field.description)
        for name, field in own_fields().items()
    }


def test_every_option_of_the_configuration_is_explained():
    from dcluster_provider.provider_info import get_provider_info

    options = get_provider_info()["config"]["dcluster"]["options"]
    rows = set(
        re.findall(r"^\| `(\w+)` \|", page("connection.md").split("## Settings of Airflow")[1], re.MULTILINE)
    )
    assert rows == set(options)


def test_every_command_is_explained():
    from dcluster_provider.cli.definition import get_dcluster_cli_commands

    (root,) = get_dcluster_cli_commands()
    commands = {
        f"{each.name} {command.name}" if command is not each else each.name
        for each in root.subcommands
        for command in getattr(each, "subcommands", [each])
    }
    assert set(re.findall(r"^\| `([a-z ]+)` \|", page("cli.md"), re.MULTILINE)) == commands


def test_links_between_files_lead_somewhere():
    broken = [
        f"{path.name}: {target}"
        for path in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_operator_and_sensor_is_explained():
    import importlib

    from airflow.sdk import BaseOperator

    from dcluster_provider.provider_info import get_provider_info

    info = get_provider_info()
    text = page("operators.md")
    missing = []
    for kind in ("operators", "sensors"):
        for name in info[kind][0]["python-modules"]:
            module = importlib.import_module(name)
            for public in vars(module).values():
                own = (
                    isinstance(public, type)
                    and issubclass(public, BaseOperator)
                    and public.__module__ == name
                )
                if own and public.__name__ not in text and not public.__subclasses__():
                    missing.append(public.__name__)
    assert missing == []


def test_versions_that_engines_fit_are_those_of_the_code():
    from dcluster_provider.engines.releases import RELEASES, default_version

    lines = rendered("connection.md").splitlines()
    for release in RELEASES:
        types = ", ".join(release.types)
        pythons = " to ".join(f"3.{minor}" for _, minor in release.pythons)
        javas = " to ".join(str(java) for java in release.javas)
        assert f"| {types} | {release.series} | {release.tested} | {pythons} | {javas} |" in lines
    for field, kind in (
        ("spark_version", "spark3"),
        ("spark4_version", "spark4"),
        ("flink_version", "flink"),
    ):
        assert any(line.startswith(f"| `{field}` | `{default_version(kind)}` |") for line in lines)


def test_the_recipes_name_files_that_there_are():
    recipes = page("../CONTRIBUTING.md").partition("## Recipes")[2].partition("## Tests")[0]
    named = re.findall(
        r"`((?:core|control|engines|nodes|operators|platforms|plugin|docs)/[\w/.*]+)`", recipes
    )
    package = ROOT / "dcluster_provider"
    assert len(named) > 15
    assert [path for path in named if not [*package.glob(path), *ROOT.glob(path)]] == []
