"""Node pools as they are asked for, and names that tell whose a machine is."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from google.cloud import container_v1
from hypothesis import given
from hypothesis import strategies as st
from nodes.gke.orders import MARK, order

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.fleet import parse_time
from dcluster_provider.nodes.gke.pools import MachineOption, candidates, node_pool
from dcluster_provider.nodes.gke.settings import GkeSettings

REACHED = GkeSettings(project="analytics-1234", location="europe-west1", cluster="main")


def test_a_template_gives_what_is_not_an_orders_own():
    template = container_v1.NodePool(
        name="default-pool",
        initial_node_count=5,
        autoscaling={"enabled": True, "max_node_count": 9},
        management={"auto_repair": True, "auto_upgrade": True},
        max_pods_constraint={"max_pods_per_node": 32},
        config={
            "machine_type": "e2-small",
            "disk_size_gb": 200,
            "service_account": "nodes@analytics-1234.iam.gserviceaccount.com",
            "tags": ["internal"],
            "labels": {"disk": "large"},
            "resource_labels": {"team": "data", "goog-gke-node": "", "dcluster-mark": "old"},
            "preemptible": True,
        },
    )
    settings = REACHED.model_copy(update={"labels": (("cost", "42"),)})
    pool = node_pool(order(labels={"a.b/c": "d"}), settings, 0, ["z"], template)
    config = pool.config
    assert (config.machine_type, config.disk_size_gb, config.preemptible) == ("n2-standard-4", 200, False)
    assert config.service_account.startswith("nodes@")
    assert dict(config.labels) == {"disk": "large", "a.b/c": "d"}
    assert dict(config.resource_labels) == {
        "team": "data",
        "cost": "42",
        **naming.pool_labels("airflow", order(), 0),
    }
    assert (pool.initial_node_count, pool.autoscaling.enabled) == (0, False)
    assert pool.management.auto_repair
    assert pool.max_pods_constraint.max_pods_per_node == 32


@pytest.mark.parametrize(
    ("market", "tried"),
    [
        ("on-demand", ["a", "b", "c"]),
        ("spot", ["a (spot)", "b (spot)", "c (spot)"]),
        ("spot, then on-demand", ["a (spot)", "b (spot)", "c (spot)", "a", "b", "c"]),
    ],
)
def test_kinds_of_machines_in_their_order(market, tried):
    found = candidates(
        order(1, "a", "b"), REACHED.model_copy(update={"market": market, "alternatives": ("b", "c")})
    )
    assert [str(it) for it in found] == tried
    assert all(isinstance(it, MachineOption) for it in found)


@given(st.text(), st.text())
def test_two_deployments_never_have_the_same_label(one, other):
    assert (naming.label(one) == naming.label(other)) == (one == other)
    assert len(naming.label(one)) <= 63
    assert set(naming.label(one)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_names_of_pools_and_machines_fit_googles_limits():
    assert naming.pool_name(MARK, 119) == f"dc-{MARK}-119"
    assert len(naming.pool_name("x" * 40, 119)) <= 40
    assert naming.pool_name("x" * 40, 0) != naming.pool_name("x" * 39 + "y", 0)
    slots = naming.slots(naming.MAX_SLOTS)
    assert len(set(slots)) == naming.MAX_SLOTS
    assert {naming.slot_of(f"gke-a-{slot}") for slot in slots} == set(slots)
    assert naming.slot_of("gke-a-1a2b3c4d-xyz1") == ""


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-11-24T03:02:01.5-08:00", 500_000),
        ("2026-11-24T11:02:01.123456789Z", 123_456),
        ("2026-11-24T11:02:01Z", 0),
    ],
)
def test_times_of_both_apis_are_read(text, microseconds):
    assert parse_time(text) == datetime(2026, 11, 24, 11, 2, 1, microseconds, tzinfo=timezone.utc)


def test_a_pool_of_our_name_that_is_not_ours_is_left(world):
    world.google.add_pool(naming.pool_name(MARK, 0), {}, 1, ["europe-west1-b"])
    with pytest.raises(PlatformRefused, match="without the labels of this deployment"):
        world.cloud().launch(order())
    assert len(world.alive()) == 1


def test_the_fake_refuses_fields_that_the_client_does_not_know(world):
    import json
    from urllib.request import Request, urlopen

    from nodes.gke.fake_compute_api import _ROUTES

    base = f"{world.settings.compute_endpoint}/compute/v1/projects/analytics-1234/zones/europe-west1-b"
    for url, body in [
        (f"{base}/instances?maxResult=3", None),
        (f"{base}/instanceGroupManagers/g/createInstances", {"instances": [{"nam": "x"}]}),
        (f"{base}/instanceGroupManagers/g/listManagedInstances", {"maxResults": 3}),
        (f"{base}/disks", None),
    ]:
        data = None if body is None else json.dumps(body).encode()
        with pytest.raises(OSError, match=r"HTTP Error (400|501)"):
            urlopen(Request(url, data=data))
    assert len(_ROUTES) == 9


def test_the_fake_of_gke_does_the_same_and_has_no_method_that_is_not_asked_for(world):
    import grpc

    channel = grpc.insecure_channel(world.settings.container_endpoint.removeprefix("http://"))
    with channel:
        for method, data, code in [
            ("ListNodePools", b"\xfa\x3f\x01x", grpc.StatusCode.INVALID_ARGUMENT),  # a field of number 1023
            ("SetNodePoolSize", b"", grpc.StatusCode.UNIMPLEMENTED),
        ]:
            call = channel.unary_unary(f"/google.container.v1.ClusterManager/{method}")
            with pytest.raises(grpc.RpcError) as refused:
                call(data)
            assert refused.value.code() is code
