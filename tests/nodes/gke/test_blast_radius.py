"""Whatever is done, machines of others stay as they are: of another deployment, without labels, in another region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nodes.gke.fake_google import REGION
from nodes.gke.orders import order

from dcluster_provider.core.errors import CloudUnavailable, NodesFailed
from dcluster_provider.nodes.gke import naming

if TYPE_CHECKING:
    from nodes.gke.world import Servers, World

ZONES = ["europe-west1-b", "europe-west1-c", "europe-west1-d"]
MARKS = ["a" * 32, "b" * 32]


@dataclass(frozen=True)
class OnePool:
    deployment: str
    mark: str
    candidate: int
    machines: int
    zones: tuple[str, ...]


POOLS = st.lists(
    st.builds(
        OnePool,
        st.sampled_from(["airflow", "airflow-2", "Airflow", "", "none"]),
        st.sampled_from(MARKS),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from([(ZONES[0],), (ZONES[1], ZONES[0]), tuple(ZONES)]),
    ),
    max_size=5,
    unique_by=lambda it: (it.deployment, it.mark, it.candidate),
)
STEPS = st.lists(st.sampled_from(["launch", "machines", "all", "zone", "mark"]), min_size=1, max_size=3)


def populate(world: World, pools: list[OnePool]) -> None:
    for number, pool in enumerate(pools):
        labels = naming.pool_labels(pool.deployment, order(3, mark=pool.mark), pool.candidate)
        name = naming.pool_name(pool.mark, pool.candidate)
        ours = pool.deployment == "airflow"
        world.google.add_pool(
            name if ours else f"other-{number}",
            {} if pool.deployment == "none" else labels,
            pool.machines,
            list(pool.zones),
        )
    # Labels alone do not make a machine ours: it has to be in a group of a pool of ours.
    world.google.add_vm("copied", ZONES[0], naming.pool_labels("airflow", order(3), 0))
    world.google.add_vm("gke-elsewhere-d000", "us-central1-a", naming.pool_labels("airflow", order(3), 0))


@given(POOLS, STEPS, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_machines_of_others_survive_everything(servers: Servers, pools: list[OnePool], steps, random):
    world = servers.new_world()
    populate(world, pools)
    ours = {
        key
        for mig in world.google.migs.values()
        if naming.is_ours(mig.labels, "airflow")
        for key in ((mig.zone, name) for name in mig.members)
    }
    strangers = {
        f"{zone}/{name}": state
        for (zone, name), state in zip(world.google.vms, world.google.snapshot().values(), strict=True)
        if (zone, name) not in ours
    }
    everybody = sorted({name for _, name in world.google.vms})
    others_pools = {it for it in world.google.pools if it.startswith("other-")}
    cloud = world.cloud()
    for step in steps:
        chosen = random.sample(everybody, min(len(everybody), random.randint(1, 8)))
        kept = {f"{zone}/{name}" for zone, name in ours if name not in chosen}
        before = world.alive()
        try:
            if step == "launch":
                cloud.launch(order(2, mark=MARKS[0]))
                continue
            if step == "machines":
                assert {it.id for it in cloud.machines(REGION)}.isdisjoint({"copied", "gke-elsewhere-d000"})
            elif step == "zone":
                cloud.terminate(chosen, ZONES[0])
                kept |= {f"{zone}/{name}" for zone, name in ours if zone != ZONES[0]}
            elif step == "mark":
                chosen = [it.id for it in cloud.machines(REGION, mark=MARKS[1])]
                kept = {f"{zone}/{name}" for zone, name in ours if name not in chosen}
                cloud.terminate(chosen, REGION)
            else:
                released = cloud.terminate(chosen, REGION)
                assert set(released) <= {name for _, name in ours} | {"gke-elsewhere-d000"}
        except (CloudUnavailable, NodesFailed):
            pass
        assert kept & before <= world.alive()
    after = world.google.snapshot()
    assert strangers.items() <= after.items()
    assert others_pools <= set(world.google.pools)
