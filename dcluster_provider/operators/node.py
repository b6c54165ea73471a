"""Operators for the machines that clusters run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dcluster_provider.core.node_spec import NodeRequest
from dcluster_provider.operators.arguments import build_spec, literal_spec
from dcluster_provider.operators.ownership import DClusterOperator, ends_own_when_killed

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

_FIELDS = tuple(NodeRequest.model_fields)


class DClusterLaunchNodesOperator(DClusterOperator):
    """Launches machines and returns their ids; a retry of the task finds those that an earlier try launched.

    :param node_count: how many, 1 to 1000.
    :param instance_type: the cloud's name of the kind of machine.
    :param region: the cloud's region; none means the connection's.
    :param spec: the whole request, as a mapping or JSON text, instead of single fields.
    :param request_key: the key of a request that was made before (by REST); none means the task's own.

    The arguments are templated; the others are those of
    :class:`~dcluster_provider.operators.ownership.DClusterOperator`.

    :raises InvalidSpec: while the DAG file is parsed, when a literal argument cannot be accepted.
    """

    template_fields: Sequence[str] = ("spec", "dcluster_conn_id", "request_key", *_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json"}

    def __init__(
        self,
        *,
        node_count: int | str | None = None,
        instance_type: str | None = None,
        region: str | None = None,
        spec: dict[str, Any] | str | None = None,
        request_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node_count = node_count
        self.instance_type = instance_type
        self.region = region
        self.spec = spec
        self.request_key = request_key
        literal_spec(self, NodeRequest, _FIELDS)

    @ends_own_when_killed
    def execute(self, context: Context) -> list[str]:
        """Launch the machines."""
        request = build_spec(self, NodeRequest, _FIELDS)
        ids = self.hook.nodes.launch(request, self.request_key or self.task_owner(context).key).ids
        self.log.info("Launched %d nodes: %s", len(ids), ", ".join(ids))
        return list(ids)


class DClusterDestroyNodesOperator(DClusterOperator):
    """Drains machines and gives them back; returns the ids of those that it gave back.

    :param node_ids: the cloud's ids of the machines, templated.
    :param region: the cloud's region, templated; none means the connection's.
    """

    template_fields: Sequence[str] = ("node_ids", "region", "dcluster_conn_id")

    def __init__(
        self, *, node_ids: Sequence[str] | XComArg, region: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.node_ids = node_ids
        self.region = region

    @ends_own_when_killed
    def execute(self, _context: Context) -> list[str]:
        """Destroy the machines."""
        ids = self.hook.nodes.destroy(_listed(self.node_ids), self.region or "")
        self.log.info("Gave %d nodes back: %s", len(ids), ", ".join(ids))
        return list(ids)


class _RegionOperator(DClusterOperator):
    """The argument of operators that ask about one region."""

    template_fields: Sequence[str] = ("region", "dcluster_conn_id")

    def __init__(self, *, region: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region = region


class DClusterListInstanceTypesOperator(_RegionOperator):
    """Returns the kinds of machines that can be asked for, sorted.

    :param region: the cloud's region, templated; none means the connection's.
    """

    @ends_own_when_killed
    def execute(self, _context: Context) -> list[str]:
        """Ask for the kinds of machines."""
        types = sorted(self.hook.nodes.instance_types(self.region or ""))
        self.log.info("%d instance types: %s", len(types), ", ".join(types))
        return types


class DClusterSyncInstancesOperator(_RegionOperator):
    """Records every machine as the cloud describes it now; returns how many there are.

    :param region: the cloud's region, templated; none means the connection's.
    """

    @ends_own_when_killed
    def execute(self, _context: Context) -> int:
        """Record the machines."""
        count = self.hook.nodes.sync_instances(self.region or "")
        self.log.info("Recorded %d instances", count)
        return count


class DClusterRecordInstanceOperator(DClusterOperator):
    """Remembers what a machine told of itself, in place of what it told before.

    :param instance_id: the cloud's id of the machine, templated.
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
        """Record the information."""
        self.hook.nodes.record_instance(self.instance_id, self.info)  # type: ignore[arg-type]  # rendered by now
        self.log.info("Recorded what is known of instance %s", self.instance_id)


def _listed(node_ids: Any) -> list[str]:
    """Ids from a list, or from a text with commas between them, as a template gives."""
    if isinstance(node_ids, str):
        return [part.strip() for part in node_ids.split(",") if part.strip()]
    return list(node_ids)
