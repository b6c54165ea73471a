"""The calls of GKE and Compute Engine that machines need, with this package's errors."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.nodes.gke.clients import compute_transport, container_client
from dcluster_provider.nodes.gke.faults import Refused, asking
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud import compute_v1, container_v1

_ANSWER = 30.0  # seconds for one answer
_OPERATION_LOOKS = 20


class GkeApi:
    """What is asked of the two APIs; reads are repeated for half a minute, what changes something is asked once.

    :param credentials: makes those of Google's client libraries when something is asked first.
    :param operation_poll: seconds between two looks at an operation of Compute Engine, which takes some.
    """

    def __init__(
        self, settings: GkeSettings, credentials: Callable[[], Any], operation_poll: float = 0.5
    ) -> None:
        self._settings = settings
        self._make_credentials = credentials
        self._operation_poll = operation_poll
        self._location = f"projects/{settings.project}/locations/{settings.location}"
        self._cluster = f"{self._location}/clusters/{settings.cluster}"

    def cluster(self) -> container_v1.Cluster:
        """The cluster."""
        with self._asking("reading the cluster"):
            return self._container.get_cluster(name=self._cluster, retry=self._retry, timeout=_ANSWER)

    def cluster_names(self) -> set[str]:
        """The clusters of the location."""
        with self._asking("listing clusters"):
            found = self._container.list_clusters(parent=self._location, retry=self._retry, timeout=_ANSWER)
            return {it.name for it in found.clusters}

    def node_pools(self) -> list[container_v1.NodePool]:
        """Every node pool of the cluster."""
        with self._asking("listing node pools"):
            found = self._container.list_node_pools(parent=self._cluster, retry=self._retry, timeout=_ANSWER)
            return list(found.node_pools)

    def create_node_pool(self, pool: container_v1.NodePool) -> None:
        """Have a node pool made; it is there when its status says so."""
        with self._asking(f"creating the node pool {pool.name}"):
            self._container.create_node_pool(
                parent=self._cluster, node_pool=pool, retry=None, timeout=_ANSWER
            )

    def delete_node_pool(self, name: str) -> None:
        """Have a node pool deleted, with all that is in it."""
        with self._asking(f"deleting the node pool {name}"):
            self._container.delete_node_pool(
                name=f"{self._cluster}/nodePools/{name}", retry=None, timeout=_ANSWER
            )

    def operations(self) -> list[container_v1.Operation]:
        """What GKE does, or has done lately, to the clusters of the location.

        :raises CloudUnavailable: a zone of it could not be asked.
        """
        with self._asking("listing operations"):
            found = self._container.list_operations(parent=self._location, retry=self._retry, timeout=_ANSWER)
        self._require_all(found.missing_zones, "operations")
        return list(found.operations)

    def zones(self) -> list[compute_v1.Zone]:
        """Every zone of Compute Engine."""
        with self._asking("listing zones"):
            return list(self._zones.list(project=self._settings.project, retry=self._retry, timeout=_ANSWER))

    def machine_types(self, zone: str) -> list[compute_v1.MachineType]:
        """Every kind of machine of a zone but those that are not to be used any more."""
        with self._asking(f"listing machine types of {zone}"):
            listed = self._machine_types.list(
                project=self._settings.project, zone=zone, retry=self._retry, timeout=_ANSWER
            )
            return [it for it in listed if it.deprecated.state not in ("DELETED", "OBSOLETE")]

    def groups(self, zone: str) -> list[compute_v1.InstanceGroupManager]:
        """Every managed instance group of a zone."""
        with self._asking(f"listing instance groups of {zone}"):
            return list(
                self._groups.list(
                    project=self._settings.project, zone=zone, retry=self._retry, timeout=_ANSWER
                )
            )

    def managed(self, zone: str, group: str) -> list[compute_v1.ManagedInstance]:
        """The instances of a group, with those that it is making or deleting."""
        with self._asking(f"listing the instances of group {group}"):
            return list(
                self._groups.list_managed_instances(
                    project=self._settings.project,
                    zone=zone,
                    instance_group_manager=group,
                    retry=self._retry,
                    timeout=_ANSWER,
                )
            )

    def create_instances(self, zone: str, group: str, names: Sequence[str]) -> None:
        """Add instances of these names to a group; a name that it has is refused."""
        from google.cloud import compute_v1

        body = compute_v1.InstanceGroupManagersCreateInstancesRequest(
            instances=[compute_v1.PerInstanceConfig(name=name) for name in names]
        )
        request = compute_v1.CreateInstancesInstanceGroupManagerRequest(
            project=self._settings.project,
            zone=zone,
            instance_group_manager=group,
            request_id=str(uuid.uuid4()),
            instance_group_managers_create_instances_request_resource=body,
        )
        with self._asking(f"creating {len(names)} instances in group {group}"):
            operation = self._groups.create_instances_unary(request=request, retry=None, timeout=_ANSWER)
            self._settle(operation, zone)

    def delete_instances(self, zone: str, group: str, names: Sequence[str]) -> None:
        """Delete instances of a group, which shrinks by them; those that it has no more are passed over."""
        from google.cloud import compute_v1

        body = compute_v1.InstanceGroupManagersDeleteInstancesRequest(
            instances=[f"zones/{zone}/instances/{name}" for name in names],
            skip_instances_on_validation_error=True,
        )
        request = compute_v1.DeleteInstancesInstanceGroupManagerRequest(
            project=self._settings.project,
            zone=zone,
            instance_group_manager=group,
            request_id=str(uuid.uuid4()),
            instance_group_managers_delete_instances_request_resource=body,
        )
        with self._asking(f"deleting {len(names)} instances of group {group}"):
            operation = self._groups.delete_instances_unary(request=request, retry=None, timeout=_ANSWER)
            self._settle(operation, zone)

    def instances(self, zone: str, condition: str) -> list[compute_v1.Instance]:
        """The instances of a zone that fulfil a condition, in the language of Google's filters."""
        from google.cloud import compute_v1

        request = compute_v1.ListInstancesRequest(project=self._settings.project, zone=zone, filter=condition)
        with self._asking(f"listing instances of {zone}"):
            return list(self._instances.list(request=request, retry=self._retry, timeout=_ANSWER))

    def every_instance(self) -> Iterator[tuple[str, compute_v1.Instance]]:
        """Every instance of the project, page by page, each with its zone.

        :raises CloudUnavailable: a zone could not be asked.
        """
        from google.cloud import compute_v1

        request = compute_v1.AggregatedListInstancesRequest(project=self._settings.project)
        with self._asking("listing instances"):
            pages = self._instances.aggregated_list(request=request, retry=self._retry, timeout=_ANSWER)
            for page in pages.pages:
                self._require_all(page.unreachables, "instances")
                for scope, listed in page.items.items():
                    if getattr(listed.warning, "code", "") == "UNREACHABLE":
                        self._require_all([scope], "instances")
                    for instance in listed.instances:
                        yield scope.removeprefix("zones/"), instance

    def _settle(self, operation: compute_v1.Operation, zone: str) -> None:
        """Look at an operation until it has ended, for some seconds; one that takes longer shows in what it makes.

        :raises Refused: it failed.
        """
        looks = 0
        while operation.status != operation.Status.DONE and looks < _OPERATION_LOOKS:
            time.sleep(self._operation_poll)
            looks += 1
            operation = self._zone_operations.get(
                project=self._settings.project,
                zone=zone,
                operation=operation.name,
                retry=self._retry,
                timeout=_ANSWER,
            )
        errors = [f"{it.code}: {it.message}" for it in operation.error.errors]
        if errors:
            raise Refused(f"{self._settings}: {operation.operation_type}: {'; '.join(errors)}")

    def _require_all(self, unreachable: Sequence[str], what: str) -> None:
        if unreachable:
            raise CloudUnavailable(
                f"{self._settings}: the list of {what} lacks {', '.join(unreachable)}; asking again may work"
            )

    def _asking(self, what: str) -> Any:
        return asking(str(self._settings), what)

    @cached_property
    def _credentials(self) -> Any:
        return self._make_credentials()

    @cached_property
    def _retry(self) -> Retry:
        from google.api_core.exceptions import DeadlineExceeded
        from google.api_core.retry import Retry, if_transient_error

        return Retry(
            predicate=lambda error: if_transient_error(error) or isinstance(error, DeadlineExceeded),
            initial=0.2,
            maximum=5.0,
            timeout=_ANSWER,
        )

    @cached_property
    def _container(self) -> container_v1.ClusterManagerClient:
        return container_client(self._settings.container_endpoint, self._credentials)

    @cached_property
    def _zones(self) -> compute_v1.ZonesClient:
        client: compute_v1.ZonesClient = self._compute("Zones")
        return client

    @cached_property
    def _machine_types(self) -> compute_v1.MachineTypesClient:
        client: compute_v1.MachineTypesClient = self._compute("MachineTypes")
        return client

    @cached_property
    def _groups(self) -> compute_v1.InstanceGroupManagersClient:
        client: compute_v1.InstanceGroupManagersClient = self._compute("InstanceGroupManagers")
        return client

    @cached_property
    def _instances(self) -> compute_v1.InstancesClient:
        client: compute_v1.InstancesClient = self._compute("Instances")
        return client

    @cached_property
    def _zone_operations(self) -> compute_v1.ZoneOperationsClient:
        client: compute_v1.ZoneOperationsClient = self._compute("ZoneOperations")
        return client

    def _compute(self, kind: str) -> Any:
        from google.cloud import compute_v1

        make = getattr(compute_v1, f"{kind}Client")
        return make(
            transport=compute_transport(
                make.get_transport_class("rest"), self._settings.compute_endpoint, self._credentials
            )
        )
