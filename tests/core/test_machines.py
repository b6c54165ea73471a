"""How many nodes a cluster needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import Capacity, for_pods, nodes_needed, pods_of
from dcluster_provider.core.sizing import GIB, MIB

NOTHING = Capacity(0, 0)


def test_what_is_reserved_follows_the_published_steps():
    left = for_pods(Capacity(4, 16 * GIB), NOTHING)
    assert left.cpu == pytest.approx(4 - 0.06 - 0.01 - 0.01)
    assert left.memory == int(16 * GIB - (1.0 + 0.8 + 0.8) * GIB) - 100 * MIB


def test_daemons_take_their_part_and_nothing_becomes_negative():
    assert for_pods(Capacity(4, 16 * GIB), Capacity(0.5, GIB)).cpu == pytest.approx(3.42)
    assert for_pods(Capacity(1, GIB), Capacity(2, 4 * GIB)) == Capacity(0, 0)


def test_the_cluster_of_the_api_fits_on_two_machines():
    spec = ClusterSpec(
        tenant="t", workers=3, worker_cpu="2", worker_memory="8Gi", master_cpu="1", master_memory="4Gi"
    )
    node = for_pods(Capacity(8, 32 * GIB), Capacity(0.25, 512 * MIB))
    # 28 GiB are asked for, and a machine of 32 has 27.8 for pods.
    assert nodes_needed(pods_of(spec), node, "m5.2xlarge") == 2


def test_a_pod_that_is_larger_than_a_node_is_refused_with_both_sizes():
    spec = ClusterSpec(tenant="t", worker_cpu="4", worker_memory="8Gi")
    with pytest.raises(InvalidSpec, match=r"pod of 4 CPU and 8192Mi does not fit a node of type m5\.xlarge"):
        nodes_needed(pods_of(spec), for_pods(Capacity(4, 16 * GIB), NOTHING), "m5.xlarge")


SIZES = st.builds(
    Capacity, st.sampled_from([0.25, 0.5, 1, 2, 3]), st.integers(1, 64).map(lambda it: it * 256 * MIB)
)


@given(st.lists(SIZES, min_size=1, max_size=60))
def test_every_pod_has_a_place_and_no_node_more_than_it_holds(pods):
    node = Capacity(4, 16 * GIB)
    count = nodes_needed(pods, node, "any")
    least = max(sum(it.cpu for it in pods) / node.cpu, sum(it.memory for it in pods) / node.memory)
    assert least <= count <= len(pods)
    # First fit leaves at most one node less than half full in both at once.
    assert (
        count <= 2 * (sum(it.cpu for it in pods) / node.cpu + sum(it.memory for it in pods) / node.memory) + 1
    )
