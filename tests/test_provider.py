"""What Airflow finds of the package once it is installed."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import entry_points
from pathlib import Path

import airflow
import jsonschema

from dcluster_provider.provider_info import get_provider_info


def test_provider_info_fits_airflows_schema():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_everything_that_it_names_exists():
    info = get_provider_info()
    modules = [
        name
        for kind in ("hooks", "operators", "sensors", "triggers", "bundles")
        for name in info[kind][0]["python-modules"]
    ]
    for name in modules:
        importlib.import_module(name)
    paths = [info["connection-types"][0]["hook-class-name"], *info["extra-links"], *info["cli"]]
    for path in paths:
        module, name = path.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name)


def test_plugin_and_provider_are_found_by_entry_point():
    (plugin,) = [it for it in entry_points(group="airflow.plugins") if it.name == "dcluster"]
    assert plugin.load().name == "dcluster"
    (provider,) = [
        it for it in entry_points(group="apache_airflow_provider") if it.value.startswith("dcluster")
    ]
    assert provider.load()()["package-name"] == "dcluster-provider"
