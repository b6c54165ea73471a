"""What is decided once for a cluster, and stored before anything of it is started."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster
from dcluster_provider.core.sizing import MIB, memory_bytes, whole_cores
from dcluster_provider.platforms.local.files import locked, read_json, write_json
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.processes.ports import HOST, free_ports
from dcluster_provider.platforms.local.processes.process import Process

_ANY = 10**9  # nobody knows what its workers offer, so nothing is refused for being too large


@dataclass(frozen=True)
class ClusterPlan:
    """The decisions for one cluster.

    :param ports: by purpose.
    :param given_ports: the purposes whose port the user chose.
    :param secret: what the cluster's processes know each other by.
    :param worker_cores: of each worker.
    :param worker_mib: memory of each worker, in MiB.
    :param master_mib: memory of the master, in MiB.
    :param host: where its master is.
    :param registry_id: of the registry that knows it; empty when it was made before registries had ids.
    :param is_ours: false for a cluster that somebody else runs.
    :param workers: that it has, or ever had.
    :param retired: the numbers of those that are to end, or have ended, since it was resized.
    :param resize: the request for its present size; empty for that of its launch.
    """

    deployment: str
    cluster_id: int
    engine: LocalEngine
    ports: dict[str, int]
    given_ports: tuple[str, ...]
    secret: str
    workers: int
    worker_cores: int
    worker_mib: int
    master_mib: int
    host: str = HOST
    is_ours: bool = True
    registry_id: str = ""
    retired: tuple[int, ...] = ()
    resize: str = ""

    def address(self, purpose: str) -> str:
        """``host:port`` of a purpose."""
        return f"{self.host}:{self.ports[purpose]}"

    @property
    def worker_roles(self) -> tuple[str, ...]:
        """The names of the processes of the workers that the cluster is to have."""
        return tuple(_role(number) for number in range(self.workers) if number not in self.retired)

    @property
    def retired_roles(self) -> tuple[str, ...]:
        """The names of the processes of the others."""
        return tuple(_role(number) for number in self.retired)

    def resized(self, workers: int, ended: Container[str], resize: str) -> ClusterPlan:
        """The plan for another number of workers: the newest go first, and none comes back under its name.

        :param ended: the names of processes that have ended by themselves.
        :param resize: the request.
        """
        left = [number for number in range(self.workers) if number not in self.retired]
        standing = [number for number in left if _role(number) not in ended]
        kept = standing[:workers]
        return replace(
            self,
            workers=self.workers + workers - len(kept),
            retired=(*self.retired, *(number for number in left if number not in kept)),
            resize=resize,
        )


def _role(number: int) -> str:
    return f"worker-{number}"


def read_plan(place: ClusterPlace) -> ClusterPlan | None:
    """The plan of a cluster; none when the cluster does not exist."""
    stored = read_json(place.plan)
    if stored is None:
        return None
    known = {
        field.name: stored[field.name] for field in fields(ClusterPlan) if field.name in stored
    }  # a later release may store more
    return ClusterPlan(
        **known
        | {
            "engine": LocalEngine.from_json(stored["engine"]),
            "given_ports": tuple(stored["given_ports"]),
            "retired": tuple(stored.get("retired", ())),
        }
    )


def resize_plan(place: ClusterPlace, workers: int, resize: str) -> ClusterPlan | None:
    """Store the plan of a cluster with another number of workers; none when there is no plan any more.

    Workers that have ended are replaced, once for each request. To be called by one process at a time.

    :param resize: when the number was asked for, as ISO 8601: a request is planned once, and none after a later one.
        Empty when it is reached as far as is known.
    """
    plan = read_plan(place)
    if plan is None or (plan.resize >= resize if resize else len(plan.worker_roles) == workers):
        return plan
    ended = {role for role in plan.worker_roles if place.are_over([role])}
    plan = plan.resized(workers, ended, resize)
    write_json(place.plan, _as_json(plan))
    return plan


def make_plan(
    place: ClusterPlace, cluster: Cluster, engine: LocalEngine, wanted_ports: Mapping[str, int | None]
) -> ClusterPlan:
    """Decide and store the plan of a cluster that has none; its folder exists from then on, and not before.

    :param wanted_ports: by purpose; none means any free one.
    """
    with locked(place.home / "ports.lock"):
        spec = cluster.spec
        plan = ClusterPlan(
            deployment=cluster.deployment,
            cluster_id=cluster.id,
            engine=engine,
            ports=_choose_ports(place.home, wanted_ports),
            given_ports=tuple(purpose for purpose, port in wanted_ports.items() if port is not None),
            secret=secrets.token_hex(32),
            workers=spec.workers,
            worker_cores=whole_cores(spec.worker_cpu),
            worker_mib=memory_bytes(spec.worker_memory) // MIB,
            master_mib=memory_bytes(spec.master_memory) // MIB,
            registry_id=cluster.registry_id,
        )
        _store(place, plan)
    return plan


def _choose_ports(home: Path, wanted: Mapping[str, int | None]) -> dict[str, int]:
    promised = {
        port
        for path in home.glob("clusters/*/plan.json")
        for port in (read_json(path) or {"ports": {}})["ports"].values()
    }
    free = iter(free_ports(sum(port is None for port in wanted.values()), promised))
    return {purpose: next(free) if port is None else port for purpose, port in wanted.items()}


def _store(place: ClusterPlace, plan: ClusterPlan) -> None:
    draft = place.home / "clusters" / f".{place.name}.{secrets.token_hex(4)}"
    draft.mkdir(parents=True, mode=0o700)
    try:
        write_json(draft / "plan.json", _as_json(plan))
        draft.rename(place.folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _as_json(plan: ClusterPlan) -> dict[str, object]:
    return asdict(plan) | {"engine": plan.engine.as_json()}


def external_plan(cluster: Cluster, engine: LocalEngine, ports: dict[str, int]) -> ClusterPlan:
    """What there is to know of a cluster that is reached by its addresses.

    :param engine: that runs its drivers and clients here.
    :param ports: of its master, by purpose.
    """
    return ClusterPlan(
        deployment=cluster.deployment,
        cluster_id=cluster.id,
        engine=engine,
        ports=ports,
        given_ports=(),
        secret="",
        workers=0,
        worker_cores=_ANY,
        worker_mib=_ANY,
        master_mib=_ANY,
        host=urlsplit(cluster.ui_url).hostname or "",
        is_ours=False,
    )


def remove_old_configurations(place: ClusterPlace) -> None:
    """Remove the configuration of jobs that have ended, which otherwise goes with their cluster."""
    for job in place.jobs():
        if Process(job.folder).state().is_over:
            shutil.rmtree(job.conf, ignore_errors=True)
