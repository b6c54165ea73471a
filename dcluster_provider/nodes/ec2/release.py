"""Terminates instances of this deployment, and no others."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.core.machines import MachineState
from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.instances import Backoff, described, is_ours, read_instance
from dcluster_provider.nodes.ec2.refusals import code_of

_LOG = logging.getLogger(__name__)
_BATCH = 50
_UNKNOWN, _PROTECTED = "InvalidInstanceID.NotFound", "OperationNotPermitted"


class InstanceRelease:
    """Releases instances in small batches, each looked up right before.

    :param backoff: for which EC2 may not know yet what was just launched.
    """

    def __init__(self, clients: Ec2Clients, deployment: str, backoff: Backoff) -> None:
        self._clients = clients
        self._deployment = deployment
        self._backoff = backoff
        # Ids that people write may be of instances that are long gone: these are not waited for.
        self._short_backoff = Backoff(backoff.seconds / 4, backoff.first)

    def release(self, instance_ids: Sequence[str], region: str) -> tuple[str, ...]:
        """Terminate the instances with this deployment's tag; one that is gone already counts as released.

        :returns: the ids of the released instances, in the order of the arguments.
        """
        unique = list(dict.fromkeys(instance_ids))
        self._await_known(unique, region)
        done: set[str] = set()
        for start in range(0, len(unique), _BATCH):
            done |= self._end_batch(unique[start : start + _BATCH], region)
        return tuple(it for it in unique if it in done)

    def release_launched(self, instance_ids: Sequence[str], region: str) -> None:
        """Terminate what EC2 has just launched, whether its listings have it or not.

        :raises CloudUnavailable: EC2 does not know some of them yet; a later call will succeed.
        """
        left = set(instance_ids)
        for _ in self._backoff.polls():
            known = set(described(self._clients, region, sorted(left)))
            left -= self._end_batches(sorted(known & left), region)
            left -= known
            if not left:
                return
        raise CloudUnavailable(
            f"EC2 in {region} launched {', '.join(sorted(left)[:5])} and does not know them yet; they are released "
            "when the request is repeated, or by a clean-up"
        )

    def _await_known(self, instance_ids: list[str], region: str) -> None:
        """Wait for instances that were just launched and may not be listed yet; one that never is, is gone."""
        unknown = set(instance_ids)
        for _ in self._short_backoff.polls():
            unknown -= set(described(self._clients, region, sorted(unknown)))
            if not unknown:
                return
        _LOG.warning(
            "EC2 in %s knows no instance %s: gone, or of another region",
            region,
            ", ".join(sorted(unknown)[:5]),
        )

    def _end_batches(self, instance_ids: list[str], region: str) -> set[str]:
        done: set[str] = set()
        for start in range(0, len(instance_ids), _BATCH):
            done |= self._end_batch(instance_ids[start : start + _BATCH], region)
        return done

    def _end_batch(self, instance_ids: list[str], region: str) -> set[str]:
        found = described(self._clients, region, instance_ids)
        gone = {it for it in instance_ids if it not in found}
        live = []
        for instance_id, description in found.items():
            if not is_ours(description, self._deployment):
                _LOG.warning(
                    "instance %s in %s is left: it does not carry the tag of deployment %r",
                    instance_id,
                    region,
                    self._deployment,
                )
            elif read_instance(description, region).machine.state in {MachineState.ENDING, MachineState.GONE}:
                gone.add(instance_id)
            else:
                live.append(instance_id)
        return gone | (self._terminate(live, region) if live else set())

    def _terminate(self, instance_ids: list[str], region: str) -> set[str]:
        """Terminate a batch in one call; halve it to find the instances that make it fail."""
        from botocore.exceptions import ClientError

        with self._clients.asking(region):
            try:
                self._clients.client(region).terminate_instances(InstanceIds=instance_ids)
            except ClientError as error:
                if code_of(error) not in {_UNKNOWN, _PROTECTED}:
                    raise
                if len(instance_ids) > 1:
                    middle = len(instance_ids) // 2
                    return self._terminate(instance_ids[:middle], region) | self._terminate(
                        instance_ids[middle:], region
                    )
                if code_of(error) == _PROTECTED:
                    _LOG.warning("instance %s in %s is left: %s", instance_ids[0], region, error)
                    return set()
        return set(instance_ids)
