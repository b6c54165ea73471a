"""The hook: clusters, jobs and nodes of one connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from dcluster_provider.hooks.connection import DEFAULT_CONN_ID, Model, read_backend_settings, read_settings

if TYPE_CHECKING:
    from dcluster_provider.control.clusters import Clusters
    from dcluster_provider.control.connect import Control
    from dcluster_provider.control.jobs import Jobs
    from dcluster_provider.control.nodes.nodes import Nodes
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.hooks.upkeep import HookUpkeep


class DClusterHook(BaseHook):
    """Clusters, jobs and nodes of one ``dcluster`` connection, from Python.

    :param dcluster_conn_id: the connection; the default one need not exist and then means the local platform with
        its registry under ``AIRFLOW_HOME/dcluster``.

    ``hook.clusters``, ``hook.jobs``, ``hook.nodes`` and ``hook.upkeep`` hold the calls; see
    :class:`~dcluster_provider.control.clusters.Clusters`, :class:`~dcluster_provider.control.jobs.Jobs`,
    :class:`~dcluster_provider.control.nodes.nodes.Nodes` and :class:`~dcluster_provider.hooks.upkeep.HookUpkeep`.
    All of them block.
    """

    conn_name_attr = "dcluster_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "dcluster"
    hook_name = "dCluster"

    def __init__(self, dcluster_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dcluster_conn_id = dcluster_conn_id

    @cached_property
    def settings(self) -> Settings:
        """What the connection says, with every default filled in."""
        return read_settings(self.dcluster_conn_id)

    def backend_settings(self, model: type[Model]) -> Model:
        """What the connection says to one backend, whether it names that as its platform or cloud or another.

        :param model: of that backend's settings.
        """
        return read_backend_settings(self.dcluster_conn_id, model)

    @property
    def control(self) -> Control:
        """The use cases behind this hook."""
        from dcluster_provider.control.connect import connect
        from dcluster_provider.hooks.clients import CLIENTS
        from dcluster_provider.hooks.secrets import read_secret
        from dcluster_provider.storage.object_storage import AirflowObjectStorage

        return connect(self.settings, CLIENTS, read_secret, AirflowObjectStorage())

    @property
    def clusters(self) -> Clusters:
        """Launching, watching and ending clusters."""
        return self.control.clusters

    @property
    def jobs(self) -> Jobs:
        """Submitting, watching and stopping jobs."""
        return self.control.jobs

    @property
    def nodes(self) -> Nodes:
        """Launching, destroying and remembering machines."""
        return self.control.nodes

    @property
    def upkeep(self) -> HookUpkeep:
        """What is done every few minutes: the cluster check, the clean-up of nodes, alerts about jobs that run long."""
        from dcluster_provider.hooks.upkeep import HookUpkeep

        return HookUpkeep(self.control.upkeep, self.control.nodes)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection works, and what it reaches; the Test button of the connection form asks this."""
        try:
            return True, self.control.describe()
        except Exception as error:  # noqa: BLE001  # the form shows whatever it is
            return False, str(error)
