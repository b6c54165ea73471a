"""The registry: the stored clusters and jobs, shared by every process that opens its database."""

from __future__ import annotations

from dcluster_provider.registry.alerts import AlertClaim, AlertStore, ClientSetting, ClientSettingStore
from dcluster_provider.registry.clusters import ClusterStore, OrphanStore
from dcluster_provider.registry.database import MigratedDatabase
from dcluster_provider.registry.events import Event, EventStore
from dcluster_provider.registry.identity import EpochStore, IdentityStore
from dcluster_provider.registry.instances import Instance, InstanceStore, MachineMark, MachineStore
from dcluster_provider.registry.jobs import JobStore
from dcluster_provider.registry.records import Claim, Scope, Termination

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
    """The stored clusters and jobs, with one store for each kind of record.

    Construction is immediate; the first call opens the database and migrates its schema. Safe to use from several
    threads, in several processes and across a fork. Records are immutable; a save of an outdated one is rejected.

    :param url: of the database: ``sqlite:////absolute/path/registry.db`` (the folder is created when missing) or
        ``postgresql+psycopg2://user:password@host/database``.
    :raises InvalidSpec: the URL is of another kind. Any call raises ``RegistryUnusable`` when the database cannot
        be opened or its schema is newer than this package.
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
        """The registry's own id, which distinguishes what it made from what another registry made on the same platform.

        :raises RegistryUnusable: the database cannot be opened, or its schema is newer than this package.
        """
        return self._identity.get()

    def describe(self) -> str:
        """The address of the registry, and its schema version.

        :raises RegistryUnusable: it cannot be opened, or its schema is newer than this package.
        """
        return self.database.describe()
