"""Orders, and launching them as control does; a process of its own may run this without the fake."""

from __future__ import annotations

import sys
from typing import Any

from google.auth.credentials import AnonymousCredentials

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.core.machines import Machine, MachineState, NodeOrder
from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.gke import Gke
from dcluster_provider.nodes.gke.settings import GkeSettings

PROJECT, REGION, CLUSTER = "analytics-1234", "europe-west1", "main"
MARK = "0123456789abcdef0123456789abcdef"
MAX_LOOKS = 200


def order(count: int = 3, *types: str, mark: str = MARK, **changes: Any) -> NodeOrder:
    return NodeOrder(mark, count, types or ("n2-standard-4",), changes.pop("region", REGION), **changes)


def settle(cloud: Gke, wanted: NodeOrder) -> list[Machine]:
    """Launch, and look as control does until every machine runs."""
    machines: list[Machine] = []
    for _ in range(MAX_LOOKS):
        try:
            if not machines or any(it.state is MachineState.ORDERED for it in machines):
                machines = list(cloud.launch(wanted))
            else:
                machines = [it for it in cloud.machines(wanted.region, mark=wanted.mark) if it.state.is_live]
        except CloudUnavailable:
            continue
        if len(machines) >= wanted.count and {it.state for it in machines} == {MachineState.RUNNING}:
            return machines
    raise AssertionError(f"not settled: {machines}")


if __name__ == "__main__":
    reached = GkeSettings(
        project=PROJECT,
        location=REGION,
        cluster=CLUSTER,
        container_endpoint=sys.argv[1],
        compute_endpoint=sys.argv[2],
    )
    api = GkeApi(reached, AnonymousCredentials, operation_poll=0.001)
    settle(Gke("dcluster_default", reached, api), order(3, *sys.argv[3:]))
