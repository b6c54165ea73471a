"""The requests to GKE and Compute Engine, with this package's errors."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.nodes.gke.clients import Compute, container_client
from dcluster_provider.nodes.gke.faults import RequestRejected, asking
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud import container_v1

Json = dict[str, Any]
_ANSWER = 30.0  # seconds for one response
_OPERATION_POLLS = 20
# kube-env and the like contain the credentials with which a machine joins its cluster.
_SECRET = ("metadata", "instanceEncryptionKey", "sourceMachineImageEncryptionKey")


class GkeApi:
    """The two APIs: reads are retried for half a minute, changes are requested once.

    :param credentials: makes credentials of Google's client libraries, at the first request.
    :param operation_poll: seconds between two polls of an operation of Compute Engine.
    """

    def __init__(
        self, settings: GkeSettings, credentials: Callable[[], Any], operation_poll: float = 0.5
    ) -> None:
        self._settings = settings
        self._make_credentials = credentials
        self._operation_poll = operation_poll
        self._compute = Compute(
            settings.compute_endpoint, settings.project, lambda: self._credentials, _ANSWER
        )
        self._location = f"projects/{settings.project}/locations/{settings.location}"
        self._cluster = f"{self._location}/clusters/{settings.cluster}"

    def cluster(self) -> container_v1.Cluster:
        """The description of the cluster."""
        with self._asking("reading the cluster"):
            return self._container.get_cluster(name=self._cluster, retry=self._retry, timeout=_ANSWER)

    def cluster_names(self) -> set[str]:
        """The clusters of the location, for naming the nearest."""
        with self._asking("listing clusters"):
            found = self._container.list_clusters(parent=self._location, retry=self._retry, timeout=_ANSWER)
            return {it.name for it in found.clusters}

    def node_pools(self) -> list[container_v1.NodePool]:
        """Every node pool of the cluster."""
        with self._asking("listing node pools"):
            found = self._container.list_node_pools(parent=self._cluster, retry=self._retry, timeout=_ANSWER)
            return list(found.node_pools)

    def create_node_pool(self, pool: container_v1.NodePool) -> None:
        """Create a node pool, which exists once its status shows so."""
        with self._asking(f"creating the node pool {pool.name}"):
            self._container.create_node_pool(
                parent=self._cluster, node_pool=pool, retry=None, timeout=_ANSWER
            )

    def delete_node_pool(self, name: str) -> None:
        """Delete a node pool with everything in it."""
        with self._asking(f"deleting the node pool {name}"):
            self._container.delete_node_pool(
                name=f"{self._cluster}/nodePools/{name}", retry=None, timeout=_ANSWER
            )

    def operations(self) -> list[container_v1.Operation]:
        """The current and recent operations of GKE on the clusters of the location.

        :raises CloudUnavailable: a zone of the location did not answer.
        """
        with self._asking("listing operations"):
            found = self._container.list_operations(parent=self._location, retry=self._retry, timeout=_ANSWER)
        self._require_all(found.missing_zones, "operations")
        return list(found.operations)

    def zones(self) -> list[Json]:
        """Every zone of Compute Engine, with its region."""
        return self._listed("listing zones", "GET", "zones")

    def machine_types(self, zone: str) -> list[Json]:
        """Every machine type of a zone, except deprecated ones."""
        listed = self._listed(f"listing machine types of {zone}", "GET", f"zones/{zone}/machineTypes")
        return [it for it in listed if it.get("deprecated", {}).get("state") not in ("DELETED", "OBSOLETE")]

    def groups(self, zone: str) -> list[Json]:
        """Every managed instance group of a zone."""
        return self._listed(
            f"listing instance groups of {zone}", "GET", f"zones/{zone}/instanceGroupManagers"
        )

    def managed(self, zone: str, group: str) -> list[Json]:
        """The instances of a group, including those that it is creating or deleting."""
        path = f"zones/{zone}/instanceGroupManagers/{group}/listManagedInstances"
        return self._listed(f"listing the instances of group {group}", "POST", path, "managedInstances")

    def instances(self, zone: str, condition: str) -> list[Json]:
        """The instances of a zone that match a filter of Google's language."""
        path = f"zones/{zone}/instances"
        return self._listed(f"listing instances of {zone}", "GET", path, filter=condition)

    def every_instance(self) -> Iterator[tuple[str, Json]]:
        """Every instance of the project, page by page, each with its zone.

        :raises CloudUnavailable: a zone did not answer.
        """
        with self._asking("listing instances"):
            for page in self._compute.pages(self._retry, "GET", "aggregated/instances"):
                self._require_all(page.get("unreachables", ()), "instances")
                for scope, listed in page.get("items", {}).items():
                    if listed.get("warning", {}).get("code") == "UNREACHABLE":
                        self._require_all([scope], "instances")
                    for instance in listed.get("instances", ()):
                        yield scope.removeprefix("zones/"), instance

    def create_instances(self, zone: str, group: str, names: Sequence[str]) -> None:
        """Add instances of these names to a group, which rejects a name that it has."""
        path = f"zones/{zone}/instanceGroupManagers/{group}/createInstances"
        body = {"instances": [{"name": name} for name in names]}
        self._change(f"creating {len(names)} instances in group {group}", zone, path, body)

    def delete_instances(self, zone: str, group: str, names: Sequence[str]) -> None:
        """Delete instances of a group, which shrinks by them; those that are gone already are ignored."""
        path = f"zones/{zone}/instanceGroupManagers/{group}/deleteInstances"
        body = {
            "instances": [f"zones/{zone}/instances/{name}" for name in names],
            "skipInstancesOnValidationError": True,
        }
        self._change(f"deleting {len(names)} instances of group {group}", zone, path, body)

    def _listed(self, what: str, verb: str, path: str, field: str = "items", **query: str) -> list[Json]:
        with self._asking(what):
            pages = self._compute.pages(self._retry, verb, path, **query)
            return [it for page in pages for it in page.get(field, ())]

    def _change(self, what: str, zone: str, path: str, body: Json) -> None:
        """Request a change once, and poll its operation until it has ended, for some seconds.

        :raises RequestRejected: it failed. The result of one that takes longer shows in what it creates.
        """
        with self._asking(what):
            operation = self._compute.ask("POST", path, body, requestId=str(uuid.uuid4()))
            polls = 0
            while operation.get("status") != "DONE" and polls < _OPERATION_POLLS:
                time.sleep(self._operation_poll)
                polls += 1
                operation = self._compute.read(
                    self._retry, "GET", f"zones/{zone}/operations/{operation['name']}"
                )
        errors = [
            f"{it.get('code')}: {it.get('message')}" for it in operation.get("error", {}).get("errors", ())
        ]
        if errors:
            raise RequestRejected(f"{self._settings}: {what}: {'; '.join(errors)}")

    def _require_all(self, unreachable: Sequence[str], what: str) -> None:
        if unreachable:
            raise CloudUnavailable(
                f"{self._settings}: the list of {what} lacks {', '.join(unreachable)}; a retry may work"
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


def described_instances(api: GkeApi, zones: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and description of every instance in these zones, page by page, without secrets.

    An instance whose name exists in another zone, too, gets its zone appended to the name.
    """
    names: set[str] = set()
    for zone, instance in api.every_instance():
        if zone not in zones:
            continue
        description = {field: value for field, value in instance.items() if field not in _SECRET}
        for disk in description.get("disks", ()):
            disk.pop("diskEncryptionKey", None)
        name = instance["name"]
        yield f"{name}.{zone}" if name in names else name, description
        names.add(name)
