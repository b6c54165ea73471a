"""The cloud AWS EC2, behind the protocol of clouds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dcluster_provider.core.errors import CloudUnavailable, DClusterError, InvalidSpec, nearest
from dcluster_provider.core.machines import Capacity, Machine, NodeOrder
from dcluster_provider.nodes.ec2.catalog import Ec2Catalog, check_region
from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.instances import Backoff, as_json, descriptions, own_instances
from dcluster_provider.nodes.ec2.launching import InstanceLaunch
from dcluster_provider.nodes.ec2.release import InstanceRelease
from dcluster_provider.nodes.ec2.requests import AttemptsByOrder, user_data
from dcluster_provider.nodes.ec2.settings import Ec2Settings

_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")


class Ec2:
    """Instances of one AWS account; see :class:`~dcluster_provider.nodes.base.Cloud`.

    :param conn_id: the ``dcluster`` connection, for errors.
    :param make_client: makes a boto3 client of EC2 from the id of an AWS connection, a region, and whether requests are
        sent once only.
    :param decode: decodes an authorization message of AWS from such an id, a region and the message, to JSON; empty
        when that is not permitted.
    :param backoff: for which EC2 may not list yet what it has just launched.
    """

    name = "ec2"

    def __init__(
        self,
        conn_id: str,
        settings: Ec2Settings,
        make_client: Callable[[str, str, bool], Any],
        decode: Callable[[str, str, str], str] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._conn_id = conn_id
        self._settings = settings
        self._clients = Ec2Clients(settings.conn_id, make_client, decode)
        self._backoff = backoff or Backoff()
        self._release = InstanceRelease(self._clients, settings.deployment, self._backoff)
        self._catalog = Ec2Catalog(self._clients)
        self._attempts = AttemptsByOrder()

    def region(self, given: str) -> str:
        """The given region, the connection's, or that of the AWS connection; validated without a request.

        :raises InvalidSpec: AWS has no region of this name, or none is configured.
        """
        if given:
            check_region(given, "field region")
            return given
        if self._settings.region:
            check_region(self._settings.region, f"connection {self._conn_id!r}: field ec2_region")
            return self._settings.region
        with self._clients.asking("the region of the AWS connection"):
            found = self._region_of_credentials()
        if not found:
            raise InvalidSpec(
                f"field region: is empty, and no connection names one; name it, or set ec2_region of {self._conn_id!r}"
            )
        return found

    def check_order(self, order: NodeOrder) -> None:
        """Reject types that the region does not have, labels that no kubelet takes, and a launch without an image.

        :raises InvalidSpec: a field is wrong; the error names it and the nearest valid value, or what to configure.
        """
        settings = self._settings
        if not settings.launch_template and not settings.image:
            raise InvalidSpec(
                f"connection {self._conn_id!r}: names neither ec2_launch_template nor ec2_image; instances are "
                "launched from one of them"
            )
        user_data(order, settings.user_data)
        offered = self._catalog.instance_types(order.region)
        given = [("field instanceType", order.instance_types[0])]
        given += [("field alternativeTypes", it) for it in order.instance_types[1:]]
        given += [
            (f"connection {self._conn_id!r}: field ec2_alternatives", it) for it in settings.alternatives
        ]
        for field, instance_type in given:
            if instance_type not in offered:
                raise InvalidSpec(
                    f"{field}: EC2 has no instance type {instance_type!r} in {order.region}"
                    f"{nearest(instance_type, set(offered))}"
                )

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Reject what is not the id of an instance.

        :raises InvalidSpec: an id is invalid; the error names the first one.
        """
        for machine_id in machine_ids:
            if not _ID.fullmatch(machine_id):
                raise InvalidSpec(
                    f"field nodeIds: {machine_id[:40]!r} is not the id of an EC2 instance; write one such as "
                    "'i-0123456789abcdef0'"
                )

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Launch the missing instances of an order; see :class:`~dcluster_provider.nodes.ec2.launching.InstanceLaunch`.

        :raises NodesFailed: EC2 has no capacity; instances launched in vain are released.
        :raises PlatformRefused: the launch is not permitted; instances launched in vain are released.
        :raises CloudUnavailable: EC2 does not answer now, or throttles.
        """
        attempts = self._attempts.of(order.mark)
        launch = InstanceLaunch(
            order, self._settings, self._clients, self._release, attempts, backoff=self._backoff
        )
        try:
            machines = launch.run()
        except CloudUnavailable:
            raise
        except BaseException:
            self._attempts.forget(order.mark)
            raise
        self._attempts.forget(order.mark)
        return machines

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:
        """Every instance of this deployment; those that ended stay listed for about an hour."""
        found = own_instances(self._clients, region, self._settings.deployment, mark)
        return [it.machine for it in found]

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:
        """Terminate instances in batches of 50, except those without this deployment's tag or with protection.

        :returns: the ids of the released instances.
        """
        return self._release.release(machine_ids, region)

    def instance_types(self, region: str) -> frozenset[str]:
        """The instance types that EC2 offers in a region."""
        return self._catalog.instance_types(region)

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        """The virtual CPUs and memory of instance types."""
        return self._catalog.capacities(instance_types, region)

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """Every instance of the account in a region, whoever launched it, as DescribeInstances returns it."""
        for description in descriptions(self._clients, region):
            yield description["InstanceId"], as_json(description)

    def _region_of_credentials(self) -> str:
        try:
            return self._clients.client("").meta.region_name or ""
        except DClusterError:
            raise
        except Exception as error:
            from botocore.exceptions import NoRegionError

            if isinstance(error, NoRegionError):
                return ""
            raise
