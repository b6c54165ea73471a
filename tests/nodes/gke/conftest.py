"""One pair of servers for all tests of GKE, one empty project for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nodes.gke.world import Servers, World


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    running = Servers()
    yield running
    running.stop()


@pytest.fixture
def world(servers: Servers) -> World:
    return servers.new_world()
