"""Launches an order's instances exactly once, however often and by however many processes it is attempted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from dcluster_provider.core.diagnosis import Diagnosis, NodeCode
from dcluster_provider.core.errors import NodesFailed, PlatformRefused
from dcluster_provider.core.machines import Machine, MachineState, NodeOrder
from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.instances import Backoff, LaunchedInstance, own_instances, read_instance
from dcluster_provider.nodes.ec2.refusals import CAPACITY, code_of, launch_refusal
from dcluster_provider.nodes.ec2.release import InstanceRelease
from dcluster_provider.nodes.ec2.requests import (
    Attempts,
    CapacityPool,
    InstanceRequest,
    candidates,
    run_instances,
)
from dcluster_provider.nodes.ec2.settings import Ec2Settings

_MAX_GENERATIONS = 100
_MISMATCH, _TERMINATED = "IdempotentParameterMismatch", "IdempotentInstanceTerminated"
# EC2 remembers tokens for far longer than its listings take to follow its launches.
_RECENT = timedelta(minutes=10)


class InstanceLaunch:
    """One attempt at an order.

    The instances that EC2 has launched for the order are found in three ways, none of which is sufficient alone: by tag
    (listings are delayed), by the answers to this attempt's requests, and by repeating the requests of earlier
    attempts, which EC2 answers with the same instances because their ClientToken is the same.
    """

    def __init__(
        self,
        order: NodeOrder,
        settings: Ec2Settings,
        clients: Ec2Clients,
        release: InstanceRelease,
        attempts: Attempts,
        *,
        backoff: Backoff,
    ) -> None:
        self._order = order
        self._settings = settings
        self._clients = clients
        self._release = release
        self._backoff = backoff
        self._attempts = attempts
        self._candidates = candidates(order, settings)
        self._listed: dict[str, LaunchedInstance] = {}
        self._answered: dict[str, LaunchedInstance] = {}
        self._short: list[str] = []

    def run(self) -> tuple[Machine, ...]:
        """Launch the missing instances; see :meth:`~dcluster_provider.nodes.base.Cloud.launch`."""
        try:
            self._fill()
        except (NodesFailed, PlatformRefused):
            self._release_all()
            raise
        self._await_listed()
        if self._missing > 0:
            self._release_all()
            if self._missing > 0:  # another process may have launched them
                raise NodesFailed(self._subject, self._why())
        return self._without_surplus()

    def _fill(self) -> None:
        self._poll()
        self._repeat_recent()
        for candidate in self._candidates:
            if self._missing <= 0:
                return
            if candidate not in self._attempts.failed:
                self._ask(candidate)

    @property
    def _live(self) -> list[Machine]:
        # A listing is newer than an answer, which describes the moment of the launch.
        known = {**self._answered, **self._listed}
        return sorted(
            (it.machine for it in known.values() if it.machine.state.is_live),
            key=lambda machine: (machine.launched_at, machine.id),
        )

    @property
    def _missing(self) -> int:
        return self._order.count - len(self._live)

    @property
    def _subject(self) -> str:
        return f"{self._order.count} nodes of type {self._order.instance_types[0]} in {self._order.region}"

    def _poll(self) -> None:
        found = own_instances(
            self._clients, self._order.region, self._settings.deployment, mark=self._order.mark
        )
        self._listed |= {it.machine.id: it for it in found}

    def _repeat_recent(self) -> None:
        """Find what an earlier attempt launched and EC2 lists in part, before anything is launched in its place."""
        repeated: set[InstanceRequest] = set()
        for _ in self._backoff.polls():
            if self._missing <= 0 or not self._listed:
                return
            for asking in self._recent() - repeated:
                repeated.add(asking)
                if len(self._of(asking)) < asking.count:
                    self._repeat(asking)
            if self._missing <= 0 or not self._is_hidden(repeated):
                return
            self._poll()

    def _recent(self) -> set[InstanceRequest]:
        """The requests of earlier attempts, by the tags of the listed instances."""
        live = [it for it in self._listed.values() if it.machine.state.is_live]
        names = {it.launch for it in live if _is_recent(it.machine)}
        return {it for name in names if (it := InstanceRequest.named(self._order.mark, name))}

    def _repeat(self, asking: InstanceRequest) -> None:
        """Repeat a request, which EC2 answers as before; where it cannot, poll for the request's instances."""
        code = self._run_instances(asking) if asking.candidate in self._candidates else _MISMATCH
        if code == _MISMATCH:
            self._await_launch(asking)

    def _is_hidden(self, asked: set[InstanceRequest]) -> bool:
        """Whether a request was smaller than the order because of instances that are not listed yet."""
        known = sum(_is_recent(it.machine) for it in {**self._answered, **self._listed}.values())
        return any(self._order.count - it.count + len(self._of(it)) > known for it in asked)

    def _ask(self, candidate: CapacityPool) -> None:
        """Request the missing instances from one candidate, which may have fewer."""
        for generation in range(_MAX_GENERATIONS):
            asking = InstanceRequest(self._order.mark, candidate, self._missing, generation)
            code = self._run_instances(asking)
            if code in CAPACITY:
                return
            if code == _MISMATCH:
                self._await_launch(asking)
            elif not code and all(it.machine.state.is_live for it in self._of(asking)):
                return
            # Its instances have ended, or have other settings: what is still missing needs another token.
            if self._missing <= 0:
                return

    def _run_instances(self, asking: InstanceRequest) -> str:
        """Send one request; returns the code of an error that the next candidate may not have."""
        from botocore.exceptions import ClientError

        region = self._order.region
        with self._clients.asking(region):
            try:
                answer = self._clients.launching_client(region).run_instances(
                    **run_instances(self._order, asking, self._settings)
                )
            except ClientError as error:
                code = code_of(error)
                if code in CAPACITY:
                    message = error.response.get("Error", {}).get("Message", "")
                    self._attempts.failed[asking.candidate] = f"{asking.candidate}: {code}: {message}"
                    return code
                if code in {_MISMATCH, _TERMINATED}:
                    return code
                error_for_all = launch_refusal(error, self._subject)
                if error_for_all is not None:
                    raise error_for_all from error
                raise
        launched = _by_id(read_instance(it, region) for it in answer["Instances"])
        if len(launched) < asking.count:
            self._short.append(f"{asking.candidate}: {len(launched)} of {asking.count}")
        self._answered |= launched
        return ""

    def _of(self, asking: InstanceRequest) -> list[LaunchedInstance]:
        known = {**self._answered, **self._listed}
        return [it for it in known.values() if it.launch == asking.name]

    def _await_launch(self, asking: InstanceRequest) -> None:
        """Poll for the instances of a request with other settings, which EC2 does not repeat."""
        for _ in self._backoff.polls():
            self._poll()
            if len(self._of(asking)) >= asking.count:
                return

    def _await_listed(self) -> None:
        """Poll until every instance of the answers is listed, so that the next poll of any process finds it."""
        if not self._answered:
            return
        for _ in self._backoff.polls():
            self._poll()
            if self._answered.keys() <= self._listed.keys():
                return

    def _without_surplus(self) -> tuple[Machine, ...]:
        """Keep the oldest instances and release the others, which two processes at once may have launched.

        A process that lists only a part of the instances still keeps those that all processes keep.
        """
        live = self._live
        surplus = [machine.id for machine in live[self._order.count :]]
        if surplus:
            self._release.release_launched(surplus, self._order.region)
        return tuple(live[: self._order.count])

    def _release_all(self) -> None:
        """Release everything of the order, unless another process has completed it meanwhile."""
        self._poll()
        if self._missing > 0:
            ended = (MachineState.ENDING, MachineState.GONE)
            known = {**self._answered, **self._listed}
            left = [it.machine.id for it in known.values() if it.machine.state not in ended]
            if left:
                self._release.release_launched(left, self._order.region)

    def _why(self) -> Diagnosis:
        failed = (*self._short, *self._attempts.failed.values())
        ended = tuple(
            f"{it.machine.id}: {it.machine.state.value} {it.machine.reason}".rstrip()
            for it in self._listed.values()
            if not it.machine.state.is_live
        )
        if not failed:
            return Diagnosis(
                NodeCode.MACHINE_ENDED,
                "EC2 ended instances right after their launch.",
                "See the reason below (a volume that cannot be made, a key that cannot be used).",
                ended[-5:],
            )
        return Diagnosis(
            NodeCode.NO_CAPACITY,
            f"EC2 has no capacity: {len(failed)} of {len(self._candidates)} ways to get such instances gave none or "
            "too few, and what was launched in vain was released.",
            "Run the task again later; name alternatives (alternative_types of the request, or ec2_alternatives of the "
            "connection), further ec2_subnets or another ec2_market; or have AWS raise the account's limit.",
            failed[:10],
        )


def _by_id(instances: Iterable[LaunchedInstance]) -> dict[str, LaunchedInstance]:
    return {it.machine.id: it for it in instances}


def _is_recent(machine: Machine) -> bool:
    return datetime.now(timezone.utc) - machine.launched_at < _RECENT
