"""What becomes of an order when a zone, a kind of machine or a quota is short."""

from __future__ import annotations

import pytest
from nodes.gke.fake_google import REGION
from nodes.gke.orders import MAX_LOOKS, order, settle

from dcluster_provider.core.errors import CloudUnavailable, NodesFailed
from dcluster_provider.core.machines import MachineState

N2, E2, B, C = "n2-standard-4", "e2-standard-4", "europe-west1-b", "europe-west1-c"


def test_the_next_zone_gives_what_the_first_one_lacks(world):
    world.google.capacity = {(N2, B): 1}
    machines = settle(world.cloud(), order())
    assert sorted(it.split("/")[0] for it in world.alive()) == [B, C, C]
    assert {it.instance_type for it in machines} == {N2}
    assert all(it.action != "CREATING" for mig in world.google.migs.values() for it in mig.members.values())


def test_the_next_kind_of_machine_gives_what_all_zones_lack(world):
    world.google.capacity = {(N2, B): 1, (N2, C): 0}
    machines = settle(world.cloud(alternatives=(E2,)), order())
    assert sorted(it.instance_type for it in machines) == [E2, E2, N2]
    assert len(world.alive()) == 3


def test_a_pool_that_gave_nothing_goes(world):
    world.google.capacity = {(N2, B): 0, (N2, C): 0}
    settle(world.cloud(), order(2, N2, E2))
    for _ in range(10):
        world.cloud().machines(REGION)
    assert [it.proto.config.machine_type for it in world.google.pools.values()] == [E2]


def test_spot_comes_before_on_demand(world):
    world.google.capacity = {(f"{N2} spot", B): 2, (f"{N2} spot", C): 0}
    settle(world.cloud(market="spot, then on-demand"), order())
    spots = {it.pool: it.spot for it in world.google.migs.values() if it.members}
    assert sorted(spots.values()) == [False, True]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ZONE_RESOURCE_POOL_EXHAUSTED", "The zone does not have enough resources available."),
        ("GCE_STOCKOUT", "Instance creation failed."),
        ("QUOTA_EXCEEDED", "Quota 'N2_CPUS' exceeded. Limit: 8.0 in region europe-west1."),
    ],
)
def test_an_order_that_cannot_be_had_gives_everything_back_and_says_why(world, code, message):
    world.google.shortage = (code, message)
    world.google.capacity = {(N2, B): 1, (N2, C): 1, (E2, B): 0, (E2, C): 0}
    cloud = world.cloud()
    with pytest.raises(NodesFailed) as failed:
        settle(cloud, order(3, N2, E2))
    assert "None of n2-standard-4, e2-standard-4 has capacity in europe-west1-b, europe-west1-c" in str(
        failed.value
    )
    assert f"{code}: {message}" in str(failed.value)
    assert world.alive() == set()
    for _ in range(MAX_LOOKS):
        left = cloud.machines(REGION)
        if not world.google.pools:
            break
        assert all(it.state in {MachineState.ENDING, MachineState.ORDERED} for it in left)
        cloud.terminate([it.id for it in left], REGION)
    assert world.google.pools == {}
    assert world.google.snapshot() == {}


def test_a_repetition_after_a_failure_starts_anew(world):
    world.google.capacity = {(N2, B): 0, (N2, C): 0}
    with pytest.raises(NodesFailed):
        settle(world.cloud(), order())
    world.google.capacity = {}
    assert len(settle(world.cloud(), order())) == 3


def test_a_cluster_that_gke_is_busy_with_is_asked_again_later(world):
    world.google.frozen = True
    world.cloud().launch(order(mark="a"))
    with pytest.raises(
        CloudUnavailable, match=r"Operation operation-\d+ is currently working on cluster main"
    ):
        world.cloud().launch(order(mark="b"))
    world.google.frozen = False
    assert len(settle(world.cloud(), order(mark="b"))) == 3


def test_a_pool_that_gke_refuses_is_told_of(world):
    with pytest.raises(NodesFailed, match="GKE refuses a node pool of bad-type") as failed:
        world.cloud().launch(order(1, "bad-type"))
    assert "Invalid machine type" in str(failed.value)


def test_machines_are_only_where_their_kind_is(world):
    settle(world.cloud(zones=(C, B)), order(1, "c3-highmem-22"))
    assert {it.split("/")[0] for it in world.alive()} == {B}


def test_a_zone_as_region_has_the_machines_there(world):
    settle(world.cloud(), order(1, region="europe-west1-d"))
    assert {it.split("/")[0] for it in world.alive()} == {"europe-west1-d"}
