"""Which tests a run makes, in which order, and which of them share a process.

``make test`` makes one live pass through each promise; what is marked ``long`` are further trials, which only
``make test-all`` makes. A run in several processes keeps together what shares something slow to start: one process has
the Airflow, one the Kubernetes namespaces, one the API server, and the waits of one overlap with the others' work.
"""

from __future__ import annotations

import os
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hanging import LIVE_TEST_SECONDS

IS_EVERYTHING = os.environ.get("DCLUSTER_TEST_ALL") == "true"
_TESTS = Path(__file__).parent
_LIVE = _TESTS / "live"


class Needs(IntEnum):
    """What a test needs running. In several processes the slowest to start is started first."""

    TESTBED_OF_ITS_OWN = 0
    KUBERNETES = 1
    AIRFLOW = 2
    AIRFLOW_ON_KUBERNETES = 3
    API_SERVER = 4
    ENGINES = 5  # or a server, of its own
    OTHER_AIRFLOWS = 6  # late, one after the other: two processors do not bear several beside each other
    NOTHING = 7

    @property
    def group(self) -> str:
        """Whoever is in one group shares a process; empty means that a file or a folder is a group of its own."""
        if self in {Needs.AIRFLOW, Needs.AIRFLOW_ON_KUBERNETES}:
            return "airflow"
        is_by_itself = self in {Needs.ENGINES, Needs.NOTHING}
        return "" if is_by_itself else self.name.lower()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test before anything is selected by marks or spread over processes."""
    needs = needs_of(item)
    if needs is Needs.TESTBED_OF_ITS_OWN or shares_the_testbed(item):
        item.add_marker("kubernetes")
    if item.path.is_relative_to(_LIVE) and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(LIVE_TEST_SECONDS))
    place = item.path.parent if needs is Needs.NOTHING else item.path
    item.add_marker(pytest.mark.xdist_group(needs.group or str(place.relative_to(_TESTS))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not IS_EVERYTHING:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    alone = not hasattr(config, "workerinput")  # then what fails fast comes first
    items.sort(key=lambda item: turn(item, alone))


def turn(item: pytest.Item, alone: bool) -> tuple[int, bool]:
    """Where a test stands among the others; those of an Airflow do not wait for a Kubernetes that is being built."""
    needs = needs_of(item)
    return (-needs if alone else needs, shares_the_testbed(item))


def needs_of(item: pytest.Item) -> Needs:
    """What has to run for a test, read from its fixtures and parameters."""
    fixtures = getattr(item, "fixturenames", [])
    if not item.path.is_relative_to(_LIVE):
        return Needs.NOTHING
    if "own_testbed" in fixtures:
        return Needs.TESTBED_OF_ITS_OWN
    if "live_airflow" in fixtures:
        return (
            Needs.AIRFLOW_ON_KUBERNETES
            if _parameters(item).get("live_airflow") == "kubernetes"
            else Needs.AIRFLOW
        )
    if "testbed" in fixtures:
        return Needs.KUBERNETES
    if {"wheel", "clone"} & set(fixtures):
        return Needs.OTHER_AIRFLOWS
    return Needs.API_SERVER if "server" in fixtures else Needs.ENGINES


def shares_the_testbed(item: pytest.Item) -> bool:
    """Whether a test needs the run's Kubernetes: it names its fixture, or a live one's parameter names the platform."""
    if "testbed" in getattr(item, "fixturenames", []):
        return True
    return item.path.is_relative_to(_LIVE) and "kubernetes" in _parameters(item).values()


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}
