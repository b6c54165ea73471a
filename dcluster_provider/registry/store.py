"""The registry: what is remembered of clusters and jobs, the same for every process that opens its database."""

from __future__ import annotations

from dcluster_provider.registry.alerts import AlertClaim, AlertStore
from dcluster_provider.registry.client_settings import ClientSetting, ClientSettingStore
from dcluster_provider.registry.clusters import ClusterStore
from dcluster_provider.registry.database import MigratedDatabase
from dcluster_provider.registry.epochs import EpochStore
from dcluster_provider.registry.events import Event, EventStore
from dcluster_provider.registry.identity import IdentityStore
from dcluster_provider.registry.instances import Instance, InstanceStore
from dcluster_provider.registry.jobs import JobStore
from dcluster_provider.registry.leases import Termination
from dcluster_provider.registry.machines import MachineMark, MachineStore
from dcluster_provider.registry.orphans import OrphanStore
from dcluster_provider.registry.records import Claim, Scope

__all__ = [
    "AlertClaim",
    "Claim",
    "ClientSetting",
    "Event",
    "Instance",
    "MachineMark",
    "Registry",
    "Scope",
    "Termination",
]


class Registry:
    """What is remembered of clusters and jobs, one store for each kind of it.

    Made in an instant; the database is opened, and its schema brought up to date, by the first call. Safe to use
    from several threads, in several processes and across a fork. Records are immutable; a save from an outdated
    one is rejected.

    :param url: of the database: ``sqlite:////absolute/path/registry.db`` (the folder is made when missing) or
        ``postgresql+psycopg2://user:password@host/database``.
    :raises InvalidSpec: the URL is of another kind. Any call raises ``RegistryUnusable`` when the database cannot
        be opened or has a newer schema than this package knows.
    """

    def __init__(self, url: str) -> None:
        self.database = database = MigratedDatabase(url)
        self._identity = IdentityStore(database)
        self.clusters = ClusterStore(database)
        self.jobs = JobStore(database)
        self.events = EventStore(database)
        self.alerts = AlertStore(database)
        self.client_settings = ClientSettingStore(database)
        self.epochs = EpochStore(database)
        self.orphaned_clusters = OrphanStore(database)
        self.instances = InstanceStore(database)
        self.machines = MachineStore(database)

    @property
    def id(self) -> str:
        """The registry's own id: it tells what this registry has made from what another has, on the same platform.

        :raises RegistryUnusable: the database cannot be opened, or has a newer schema than this package knows.
        """
        return self._identity.get()

    def describe(self) -> str:
        """Where the registry is, and its schema.

        :raises RegistryUnusable: it cannot be opened, or has a newer schema than this package knows.
        """
        return self.database.describe()
