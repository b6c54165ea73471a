"""The registry: what is remembered of clusters and jobs, the same for every process that opens its database."""

from __future__ import annotations

from dcluster_provider.registry.alerts import AlertClaim, AlertStore
from dcluster_provider.registry.clusters import ClusterStore
from dcluster_provider.registry.connected import Claim
from dcluster_provider.registry.epochs import EpochStore
from dcluster_provider.registry.events import Event, EventStore
from dcluster_provider.registry.identity import IdentityStore
from dcluster_provider.registry.instances import Instance, InstanceStore
from dcluster_provider.registry.jobs import JobStore
from dcluster_provider.registry.leases import LeaseStore, PoliteEnd
from dcluster_provider.registry.machines import MachineMark, MachineStore
from dcluster_provider.registry.settings import ClientSetting, SettingStore
from dcluster_provider.registry.upkeep import Scope, UpkeepStore

__all__ = [
    "AlertClaim",
    "Claim",
    "ClientSetting",
    "Event",
    "Instance",
    "MachineMark",
    "PoliteEnd",
    "Registry",
    "Scope",
]


class Registry(
    IdentityStore,
    ClusterStore,
    JobStore,
    LeaseStore,
    SettingStore,
    EventStore,
    UpkeepStore,
    AlertStore,
    InstanceStore,
    MachineStore,
    EpochStore,
):
    """What is remembered of clusters and jobs.

    Made in an instant; the database is opened, and its schema brought up to date, by the first call. Safe to use
    from several threads, in several processes and across a fork. Records are immutable; a save from an outdated
    one is refused.

    :param url: of the database: ``sqlite:////absolute/path/registry.db`` (the folder is made when missing) or
        ``postgresql+psycopg2://user:password@host/database``.
    :raises InvalidSpec: the URL is of another kind. Any call raises ``RegistryUnusable`` when the database cannot
        be opened or has a newer schema than this package knows.
    """
