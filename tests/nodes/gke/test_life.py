"""The whole life of machines of GKE, from an order until nothing is left."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from nodes.gke.fake_google import PROJECT, REGION
from nodes.gke.orders import MARK, order, settle

from dcluster_provider.control.nodes.launcher import NodeLauncher
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import CloudUnavailable, NodesFailed
from dcluster_provider.core.machines import Capacity, MachineState, NodeRequest

TAINT = {"key": "dcluster.io/cluster-name", "value": "spark3-1", "effect": "NoSchedule"}


def test_machines_are_made_used_and_given_back(world):
    cloud = world.cloud()
    wanted = order(
        cluster="spark3-dev-team-20261124",
        labels={"dcluster.io/cluster-name": "spark3-1", "kubernetes.io/reserved": "x"},
        taints=(TAINT,),
    )
    assert {it.state for it in cloud.launch(wanted)} == {MachineState.ORDERED}
    machines = settle(cloud, wanted)
    assert len(machines) == 3
    first = machines[0]
    assert first.provider_id == f"gce://{PROJECT}/europe-west1-b/{first.id}"
    assert (first.mark, first.cluster, first.instance_type) == (MARK, wanted.cluster, "n2-standard-4")
    assert first.connection == "Main Connection"
    assert world.cloud(connection="other").machines(REGION)[0].connection != "other"
    cloud.check_ids([it.id for it in machines])

    (pool,) = [it.proto for it in world.google.pools.values()]
    assert pool.initial_node_count == 0
    assert not pool.autoscaling.enabled
    assert dict(pool.config.labels) == {"dcluster.io/cluster-name": "spark3-1"}
    assert [(it.key, it.value, it.effect.name) for it in pool.config.taints] == [
        (TAINT["key"], TAINT["value"], "NO_SCHEDULE")
    ]

    assert cloud.terminate([first.id], REGION) == (first.id,)
    assert world.alive() == {f"europe-west1-b/{it.id}" for it in machines[1:]}
    rest = [it.id for it in machines[1:]]
    assert cloud.terminate(rest, REGION) == tuple(rest)
    assert cloud.terminate(rest, REGION) == tuple(rest)
    wait_until(lambda: cloud.machines(REGION) == [] and not world.google.pools)
    assert world.google.snapshot() == {}


def test_a_launch_through_the_use_case_waits_from_look_to_look(world):
    launching = NodeLauncher(world.cloud(), None, NodeSettings(cloud="gke"), "airflow")
    wanted = launching.order(NodeRequest(node_count=2, instance_type="n2-standard-4"), "key")
    launch = launching.launch(wanted)
    assert str(launch) == "2 of 2 nodes: 2 starting"
    wait_until(lambda: launching.poll(wanted).is_finished)
    assert len(world.google.made) == 2
    launching.release("key", REGION)
    wait_until(lambda: world.cloud().machines(REGION) == [] and not world.google.pools)
    assert world.google.snapshot() == {}


def test_a_launch_that_is_given_up_while_its_pool_is_being_made_leaves_nothing_that_costs(world):
    launching = NodeLauncher(world.cloud(), None, NodeSettings(cloud="gke"), "airflow")
    wanted = launching.order(NodeRequest(node_count=2, instance_type="n2-standard-4"), "key")
    world.google.frozen = True
    launching.launch(wanted)
    assert launching.release("key", REGION) == ()  # GKE is busy making the pool, which is empty
    world.google.frozen = False
    wait_until(lambda: not world.google.pools or (launching.release("key", REGION) and False))
    assert world.google.made == []


def test_what_stood_for_a_machine_gives_back_the_machine_that_came(world):
    cloud = world.cloud()
    stands_for = [it.id for it in cloud.launch(order())]
    settle(cloud, order())
    assert cloud.terminate(stands_for[:1], REGION) == tuple(stands_for[:1])
    assert len(world.alive()) == 2


def test_a_machine_that_ended_is_replaced_when_the_order_is_launched_again_and_not_by_looks(world):
    launching = NodeLauncher(world.cloud(), None, NodeSettings(cloud="gke"), "airflow")
    wanted = launching.order(NodeRequest(node_count=3, instance_type="n2-standard-4"), "key")
    machines = settle(world.cloud(), wanted)
    world.google.frozen = True
    world.cloud().terminate([machines[1].id], REGION)
    with pytest.raises(NodesFailed, match="1 of the machines are gone"):
        launching.poll(wanted)
    with pytest.raises(CloudUnavailable, match="1 machines of an earlier attempt are still being deleted"):
        world.cloud().launch(wanted)
    world.google.frozen = False
    assert {it.id for it in settle(world.cloud(), wanted)} == {it.id for it in machines}
    assert len(world.alive()) == 3


def test_a_machine_that_is_late_is_given_back(world):
    settings = NodeSettings(cloud="gke", launch_timeout=timedelta(minutes=5))
    launching = NodeLauncher(world.cloud(), None, settings, "airflow")
    wanted = launching.order(NodeRequest(node_count=1, instance_type="n2-standard-4"), "key")
    launching.launch(wanted)
    wait_until(lambda: world.google.vms or (launching.poll(wanted) and False))
    world.google.frozen = True
    world.google.set_all("STAGING", "CREATING")
    world.google.age(600)
    with pytest.raises(NodesFailed, match=r"is still starting after 60\d s"):
        launching.poll(wanted)
    assert world.alive() == set()


def test_a_pool_that_takes_too_long_is_told_of_as_late(world):
    launching = NodeLauncher(world.cloud(), None, NodeSettings(cloud="gke"), "airflow")
    wanted = launching.order(NodeRequest(node_count=1, instance_type="n2-standard-4"), "key")
    world.google.frozen = True
    launching.launch(wanted)
    world.google.gke_operations[0].start_time = "2026-01-01T00:00:00.123456789Z"
    with pytest.raises(NodesFailed, match=r"is still starting after \d{8} s"):
        launching.poll(wanted)


def test_machines_are_listed_by_pages(world):
    world.google.page_size = 7
    ours = {
        "dcluster-deployment": "airflow",
        "dcluster-mark": MARK,
        "dcluster-candidate": "0",
        "dcluster-count": "40",
    }
    names = world.google.add_pool("dc-x", ours, 20, ["europe-west1-b", "europe-west1-c"])
    machines = world.cloud().machines(REGION)
    assert sorted(it.id for it in machines) == sorted(names)
    assert len(names) == 40
    assert {it.id for it in world.cloud().machines("europe-west1-c")} == {
        name for zone, name in world.google.vms if zone == "europe-west1-c"
    }


def test_a_thousand_instances_are_recorded_by_pages_and_without_what_is_secret(world):
    world.google.page_size = 100
    for number in range(1000):
        world.google.add_vm(f"vm-{number:04d}", "europe-west1-b" if number % 2 else "europe-west1-d")
    world.google.add_vm("elsewhere", "us-central1-a")
    world.google.add_vm("vm-0001", "europe-west1-d")
    told = dict(world.cloud().list_instances(REGION))
    assert len(told) == 1001
    assert "vm-0001.europe-west1-d" in told
    assert "elsewhere" not in told
    assert told["vm-0002"]["status"] == "RUNNING"
    assert "a-secret" not in json.dumps(told)


def test_a_list_that_lacks_a_zone_is_no_list(world):
    world.google.unreachable = ["zones/europe-west1-b"]
    with pytest.raises(CloudUnavailable, match="the list of instances lacks zones/europe-west1-b"):
        list(world.cloud().list_instances(REGION))


def test_what_is_on_offer_is_asked_for_once_an_hour(world):
    cloud = world.cloud()
    assert cloud.instance_types(REGION) == {
        "n2-standard-4",
        "n2-standard-8",
        "e2-standard-4",
        "c3-highmem-22",
    }
    known = cloud.capacities(["n2-standard-8", "n2-custom-6-20480", "m5.large"], REGION)
    assert known == {
        "n2-standard-8": Capacity(8, 32 * 1024**3),
        "n2-custom-6-20480": Capacity(6, 20 * 1024**3),
    }
    asked = len(world.google.requests)
    cloud.instance_types(REGION)
    cloud.check_order(order())
    assert len(world.google.requests) == asked


def wait_until(condition) -> None:
    """Every question lets time pass in the fake project."""
    for _ in range(300):
        try:
            if condition():
                return
        except CloudUnavailable:
            continue
    raise AssertionError("it did not become so")
