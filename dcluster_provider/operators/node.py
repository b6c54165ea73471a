"""Operators for the nodes that clusters run on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from dcluster_provider.core.arguments import listed
from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.operators.arguments import build_spec, literal_spec
from dcluster_provider.operators.ownership import DClusterOperator, ends_own_when_killed, in_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from dcluster_provider.core.entity import Entity
    from dcluster_provider.core.identity import Owner

_FIELDS = tuple(NodeRequest.model_fields)


class _WaitingOperator(DClusterOperator):
    """Base of the operators that wait for nodes.

    :param timeout: seconds, or a timedelta, for the whole wait; None means as long as the connection's timeouts allow.
    """

    def __init__(
        self,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, **kwargs)
        self.timeout = None if timeout is None else in_seconds(self.task_id, "timeout", timeout)

    def defer_for(
        self, context: Context, action: str, request: Entity, key: str, owner: Owner | None
    ) -> NoReturn:
        """Defer the task until the nodes are launched or destroyed.

        :param owner: the task, if its nodes are released when a person ends it.
        """
        from dcluster_provider.triggers.nodes import NodesTrigger

        trigger = NodesTrigger(
            self.dcluster_conn_id,
            action,
            request.as_json(),
            key,
            self.poll_interval,
            self.deadline_of(context, self.timeout),
            owner.as_json() if owner else None,
            datetime.now(timezone.utc).isoformat() if action == "destroy" else None,
        )
        self.defer_to(trigger, "execute_complete", owner)


class DClusterLaunchNodesOperator(_WaitingOperator):
    """Launches machines, waits until they are ready nodes, and returns their ids.

    A retry of the task adopts those that an earlier attempt launched. When the task fails for good, or a person ends
    it, they are released.

    :param spec: the whole request, as a mapping or JSON text, instead of single fields, templated.
    :param request_key: the key of an earlier request (of the REST API), templated; None means the task's own.
    :param timeout: seconds, or a timedelta, for the whole wait; None means as long as the connection's timeouts allow.

    The other arguments are the fields of :class:`~dcluster_provider.core.machines.NodeRequest`, templated, and those
    of :class:`~dcluster_provider.operators.ownership.DClusterOperator`.

    :raises InvalidSpec: while the DAG file is parsed, when a literal argument is invalid.
    :raises NodesFailed: the cloud has no capacity, or the machines did not become ready nodes in time.
    """

    template_fields: Sequence[str] = ("spec", "dcluster_conn_id", "request_key", *_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json"}

    def __init__(
        self,
        *,
        node_count: int | str | None = None,
        instance_type: str | None = None,
        region: str | None = None,
        alternative_types: Sequence[str] | str | None = None,
        spec: dict[str, Any] | str | None = None,
        request_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node_count = node_count
        self.instance_type = instance_type
        self.region = region
        self.alternative_types = alternative_types
        self.spec = spec
        self.request_key = request_key
        literal_spec(self, NodeRequest, _FIELDS)

    @ends_own_when_killed
    def execute(self, context: Context) -> list[str]:
        """Launch the machines, and wait for them on the worker or in the triggerer."""
        owner = self.task_owner(context)
        request, key = self._request(owner)
        launch = self.hook.nodes.launch(request, key)
        self.log.info("Launched %s: %s", ", ".join(launch.ids), launch)
        if not launch.is_finished:
            if self.deferrable:
                self.defer_for(context, "launch", request, key, owner)
            launch = self.hook.nodes.wait_for_launch(
                request, key, self.timeout, self.poll_interval, self.log.info
            )
        return list(launch.ids)

    @ends_own_when_killed
    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Finish after the wait in the triggerer; returns the ids of the machines."""
        ids: list[str] = finished_progress(event)["ids"]
        self.log.info("%d nodes are ready: %s", len(ids), ", ".join(ids))
        return ids

    def end_own(self, owner: Owner, why: str) -> None:
        """Release the machines that the task launched."""
        request, key = self._request(owner)
        ids = self.hook.nodes.undo_launch(request, key)
        self.log.info("Released %d nodes (%s): %s", len(ids), ", ".join(ids), why)

    def _request(self, owner: Owner) -> tuple[NodeRequest, str]:
        return build_spec(self, NodeRequest, _FIELDS), self.request_key or owner.key


class DClusterDestroyNodesOperator(_WaitingOperator):
    """Drains nodes and releases their machines; returns the ids of the released machines.

    A node whose pods are not gone within the connection's drain_timeout is given up, takes new pods again, and fails
    the task.

    :param node_ids: the cloud's ids of the machines, templated.
    :param region: the cloud's region, templated; None means the connection's.
    :param timeout: seconds, or a timedelta, for the whole wait; None means as long as the connection's timeouts allow.

    The other arguments are those of :class:`~dcluster_provider.operators.ownership.DClusterOperator`.

    :raises NodesFailed: a node was given up; the error shows what blocks it.
    """

    template_fields: Sequence[str] = ("node_ids", "region", "dcluster_conn_id")

    def __init__(
        self, *, node_ids: Sequence[str] | XComArg, region: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.node_ids = node_ids
        self.region = region

    @ends_own_when_killed
    def execute(self, context: Context) -> list[str]:
        """Drain the nodes, on the worker or in the triggerer."""
        nodes = self.hook.nodes
        request = nodes.check_destroy(
            {"node_ids": listed("node_ids", self.node_ids), "region": self.region or ""}
        )
        if self.deferrable:
            self.defer_for(context, "destroy", request, "", None)
        progress = nodes.wait_for_destroy(request, self.timeout, self.poll_interval, self.log.info)
        return self._released(progress.as_json())

    @ends_own_when_killed
    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Finish after the wait in the triggerer; returns the ids of the released machines."""
        return self._released(finished_progress(event))

    def _released(self, progress: dict[str, Any]) -> list[str]:
        from dcluster_provider.core.diagnosis import Diagnosis, NodeCode
        from dcluster_provider.core.errors import NodesFailed

        ids: list[str] = progress["released"]
        self.log.info("Released %d nodes: %s", len(ids), ", ".join(ids))
        left: dict[str, str] = progress["left"]
        if left:
            evidence = tuple(f"{node_id}: {why}" for node_id, why in left.items())
            cause = f"{len(left)} of {len(left) + len(ids)} nodes were left as they are."
            remedy = "See what blocks each of them below, then run the task again."
            raise NodesFailed("The destruction of nodes", Diagnosis(NodeCode.LEFT, cause, remedy, evidence))
        return ids


def finished_progress(event: dict[str, Any]) -> dict[str, Any]:
    """The progress at the end of a wait in the triggerer.

    :raises NodesFailed: the launch or destruction failed.
    :raises WaitTimeout: the deadline passed.
    """
    from dcluster_provider.core.diagnosis import Diagnosis
    from dcluster_provider.core.errors import NodesFailed, WaitTimeout

    if event["cause"] == "failed":
        raise NodesFailed(event["subject"], Diagnosis.from_json(event["diagnosis"]))
    if event["cause"] == "timeout":
        raise WaitTimeout(f"The time is up: {event['progress'] or 'no poll was answered'}")
    progress: dict[str, Any] = event["progress"]
    return progress


class _RegionOperator(DClusterOperator):
    """Base of the operators that work on one region of a cloud."""

    template_fields: Sequence[str] = ("region", "dcluster_conn_id")

    def __init__(self, *, region: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region = region


class DClusterListInstanceTypesOperator(_RegionOperator):
    """Returns the instance types that the cloud offers, sorted.

    :param region: the cloud's region, templated; None means the connection's.
    """

    @ends_own_when_killed
    def execute(self, _context: Context) -> list[str]:
        """List the instance types."""
        types = sorted(self.hook.nodes.instance_types(self.region or ""))
        self.log.info("%d instance types: %s", len(types), ", ".join(types))
        return types


class DClusterSyncInstancesOperator(_RegionOperator):
    """Records every instance that the cloud lists; returns their number.

    :param region: the cloud's region, templated; None means the connection's.
    """

    @ends_own_when_killed
    def execute(self, _context: Context) -> int:
        """Record the instances."""
        count = self.hook.nodes.sync_instances(self.region or "")
        self.log.info("Recorded %d instances", count)
        return count


class DClusterRecordInstanceOperator(DClusterOperator):
    """Stores what an instance reports of itself, in place of its earlier report.

    :param instance_id: the cloud's id of the instance, templated.
    :param info: a mapping of at most 65,536 characters as JSON, templated.
    """

    template_fields: Sequence[str] = ("instance_id", "info", "dcluster_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"info": "json"}

    def __init__(self, *, instance_id: str, info: dict[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.instance_id = instance_id
        self.info = info

    @ends_own_when_killed
    def execute(self, _context: Context) -> None:
        """Store the report."""
        self.hook.nodes.record_instance(self.instance_id, self.info)  # type: ignore[arg-type]  # rendered by now
        self.log.info("Recorded instance %s", self.instance_id)
