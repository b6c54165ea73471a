"""AWS on this machine, and the cloud over it."""

from __future__ import annotations

import pytest
from aws.behaviour import IMAGE
from aws.server import REGION, running

from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.cloud import Ec2
from dcluster_provider.nodes.ec2.instances import Backoff
from dcluster_provider.nodes.ec2.settings import Ec2Settings

SETTINGS = Ec2Settings(conn_id="aws_test", deployment="prod", region=REGION, image=IMAGE)
BACKOFF = Backoff(2.0, 0.005)


@pytest.fixture(scope="session")
def server():
    with running() as found:
        yield found


@pytest.fixture
def aws(server):
    server.begin()
    return server


@pytest.fixture
def make_ec2(aws):
    def make(decode=None, **changes):
        return Ec2("dcluster_test", SETTINGS.model_copy(update=changes), aws.client, decode, BACKOFF)

    return make


@pytest.fixture
def ec2(make_ec2):
    return make_ec2()


@pytest.fixture
def order():
    def make(count=3, types=("m5.large",), mark="0" * 32, **fields):
        return NodeOrder(mark, count, types, REGION, **fields)

    return make
