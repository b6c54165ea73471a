"""Ports of this machine."""

from __future__ import annotations

import os
import socket

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.platforms.local.processes.ports import chosen_port, free_ports, holder, is_free


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_ports_are_free_and_different(taken):
    found = free_ports(20, {taken})
    assert len(set(found)) == 20
    assert all(is_free(port) for port in found)
    assert not set(found) & set(free_ports(20, found))


def test_who_holds_a_port_is_named(taken):
    assert not is_free(taken)
    assert f"process {os.getpid()} (" in holder(taken)
    (free,) = free_ports(1, ())
    assert holder(free) is None


def test_a_port_of_the_settings():
    def spec(value):
        return ClusterSpec(tenant="t", extra_configs={"spark.master.port": value})

    assert chosen_port(spec(7077), "spark.master.port") == 7077
    assert chosen_port(spec(0), "spark.master.port") is None
    assert chosen_port(spec(7077), "spark.master.ui.port") is None
    for wrong in ("http", "-1", "65536", "70 77", "²", "7" * 5000):
        with pytest.raises(InvalidSpec, match=r"spark\.master\.port"):
            chosen_port(spec(wrong), "spark.master.port")
