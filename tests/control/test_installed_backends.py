"""Platforms and clouds of other distributions, installed beside this one as any distribution is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcluster_provider.control.backends import Backends
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.table import PLATFORMS

MODULE = """
from typing import ClassVar

from pydantic import Field

from dcluster_provider.core.backend import Backend
from dcluster_provider.core.connection_fields import Text
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.nodes.on_premises import OnPremises
from dcluster_provider.nodes.base import CloudSettings
from dcluster_provider.platforms.settings import PlatformSettings


class MoonSettings(PlatformSettings):
    crater: Text = Field("tycho", alias="moon_crater", title="Crater", description="Where clusters land.")


class MoonPlatform:
    name = "moon"

    def __init__(self, settings):
        self.crater, self.landed = settings.crater, set()

    def describe(self):
        return f"the crater {self.crater}"

    def check_cluster(self, spec):
        pass

    def prepare(self, spec, report):
        report(f"landing in {self.crater}")

    def location_of(self, spec):
        return f"crater {self.crater}"

    def apply_cluster(self, cluster):
        self.landed.add(cluster.id)

    def observe_clusters(self, clusters):
        phases = {True: ClusterPhase.READY, False: ClusterPhase.ABSENT}
        url = f"spark://{self.crater}:7077"
        return {each.id: ClusterObservation(phases[each.id in self.landed], url) for each in clusters}

    def delete_cluster(self, cluster):
        self.landed.discard(cluster.id)


class OrbitSettings(CloudSettings):
    can_launch: ClassVar[bool] = False
    height: Text = Field("", alias="orbit_height", title="Orbit", description="Height of the orbit.")


MOON = Backend(MoonSettings, lambda settings, context: MoonPlatform(settings))
ORBIT = Backend(OrbitSettings, lambda settings, context: OnPremises(context.conn_id))
"""
USE = """
import json, sys
from dcluster_provider.core.record import ClusterState
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.provider_info import get_provider_info

form = get_provider_info()["connection-types"][0]["conn-fields"]
hook = DClusterHook("there")
running = hook.clusters.wait(hook.clusters.launch({"tenant": "team"}).id, [ClusterState.RUNNING], poll_interval=0.01)
hook.clusters.terminate(running.id)
ended = hook.clusters.wait(running.id, [ClusterState.TERMINATED], poll_interval=0.01)
told = {
    "platforms": form["platform"]["schema"]["enum"],
    "clouds": form["cloud"]["schema"]["enum"],
    "fields": [form["moon_crater"], form["orbit_height"]],
    "reached": hook.test_connection(),
    "running": [running.platform, running.location, running.master_url],
    "ended": ended.state.value,
    "orbit": hook.settings.nodes.cloud_settings.height,
}
print(json.dumps(told))
"""


@pytest.fixture
def install(tmp_path):
    """Install the module as a distribution into a folder, with these entry points of platforms."""

    def install(**platforms: str) -> Path:
        folder = tmp_path / "installed"
        metadata = folder / "moon-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / "moon.py").write_text(MODULE)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: moon\nVersion: 1.0\n")
        names = "".join(f"{name} = {value}\n" for name, value in platforms.items())
        (metadata / "entry_points.txt").write_text(
            f"[dcluster_provider.platforms]\n{names}\n[dcluster_provider.clouds]\norbit = moon:ORBIT\n"
        )
        return folder

    return install


def test_a_platform_and_a_cloud_that_others_install_work_like_our_own(install, tmp_path):
    extra = {"platform": "moon", "cloud": "orbit", "moon_crater": "plato", "orbit_height": "low"}
    connection = {"conn_type": "dcluster", "extra": extra | {"home": str(tmp_path / "home")}}
    environment = os.environ | {
        "PYTHONPATH": str(install(moon="moon:MOON")),
        "AIRFLOW_CONN_THERE": json.dumps(connection),
    }
    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["platforms"] == ["local", "kubernetes", "moon", None]
    assert told["clouds"] == ["on-premises", "ec2", "gke", "orbit", None]
    nullable = {"type": ["string", "null"]}
    assert told["fields"] == [
        {"label": "Crater", "description": "Where clusters land; empty means tycho.", "schema": nullable},
        {"label": "Orbit", "description": "Height of the orbit.", "schema": nullable},
    ]
    works, reached = told["reached"]
    assert works, reached
    assert reached.endswith("; the crater plato")
    assert told["running"] == ["moon", "crater plato", "spark://plato:7077"]
    assert (told["ended"], told["orbit"]) == ("TERMINATED", "low")


def test_one_that_cannot_be_used_is_logged_and_left_out(install, monkeypatch, caplog):
    monkeypatch.syspath_prepend(
        str(install(moon="moon:MOON", broken="no_such_module:X", odd="moon:MODULE", wrong="moon:Text"))
    )
    platforms = Backends("platform", PLATFORMS)
    assert list(platforms.everything) == ["local", "kubernetes", "moon"]
    for name in ("broken", "odd", "wrong"):
        assert f"The platform {name!r} of " in caplog.text
    with pytest.raises(InvalidSpec, match=r"there is no platform 'mon'; did you mean 'moon'\?"):
        platforms.get("mon")


def test_a_name_of_our_own_stays_ours(install, monkeypatch):
    monkeypatch.syspath_prepend(str(install(local="moon:MOON")))
    platforms = Backends("platform", PLATFORMS)
    assert platforms.get("local") is platforms.everything["local"] is PLATFORMS["local"]
