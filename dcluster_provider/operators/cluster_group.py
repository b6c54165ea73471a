"""A task group with its own cluster, launched before its tasks and terminated after them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from dcluster_provider.operators.cluster import (
    DClusterLaunchFlinkOperator,
    DClusterLaunchOperator,
    DClusterLaunchSparkOperator,
    DClusterTerminateOperator,
)

if TYPE_CHECKING:
    from types import TracebackType

    from airflow.sdk import XComArg
    from typing_extensions import Self

_OF_GROUPS = ("tooltip", "doc_md", "prefix_group_id", "default_args", "group_display_name", "ui_color")
_LAUNCHES = {
    cluster_type: operator
    for operator in (DClusterLaunchSparkOperator, DClusterLaunchFlinkOperator)
    for cluster_type in operator.types
}
_OF_BOTH = ("dcluster_conn_id", "deferrable", "poll_interval", "pool", "queue")


class DClusterCluster(TaskGroup):
    """Tasks that share a cluster: ``with DClusterCluster("etl", tenant="sales") as cluster: ...``.

    The launch is the setup of the tasks in the group and the termination their teardown, so the cluster is terminated
    whatever their outcome; clearing one of them launches a new cluster.

    :param group_id: name of the group.
    :param type: the cluster type, which selects the engine.
    :param on_failure_fail_dagrun: whether a cluster that cannot be terminated fails the DAG run.
    :param terminate_timeout: seconds, or a timedelta, after which the teardown fails because something is still there.
    :param kwargs: arguments of the launch operator, or of Airflow's TaskGroup.
    :raises TypeError: ``long_living`` is given: a cluster that outlives its group needs no group.
    :raises InvalidSpec: a literal argument is invalid.
    """

    launch: DClusterLaunchOperator
    terminate: DClusterTerminateOperator

    def __init__(
        self,
        group_id: str,
        *,
        type: str = "spark3",  # noqa: A002  # the name of the field
        on_failure_fail_dagrun: bool = False,
        terminate_timeout: float | timedelta = 300,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("long_living"):
            raise TypeError(
                f"{group_id}: long_living: the group terminates its cluster; launch a long-living one with "
                "DClusterLaunchSparkOperator, or let jobs use_long_living_cluster"
            )
        super().__init__(group_id, **{name: kwargs.pop(name) for name in _OF_GROUPS if name in kwargs})
        shared = {name: kwargs[name] for name in _OF_BOTH if name in kwargs}
        operator = _LAUNCHES.get(type, DClusterLaunchSparkOperator)  # which rejects an unknown type
        launch: DClusterLaunchOperator = operator(
            task_id="launch", type=type, task_group=self, dag=self.dag, **kwargs
        )
        terminate = DClusterTerminateOperator(
            task_id="terminate",
            cluster_id=launch.output,
            terminate_timeout=terminate_timeout,
            task_group=self,
            dag=self.dag,
            **shared,
        )
        terminate.as_teardown(setups=launch, on_failure_fail_dagrun=on_failure_fail_dagrun)
        self.launch, self.terminate = launch, terminate

    @property
    def id(self) -> XComArg:
        """The cluster's id as an XCom argument, for the tasks in the group."""
        output: XComArg = self.launch.output
        return output

    def __enter__(self) -> Self:
        """Collect the tasks created from now on."""
        super().__enter__()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        """Set the tasks of the group between the launch and the termination."""
        super().__exit__(_type, _value, _tb)  # type: ignore[no-untyped-call]  # Airflow has no types there
        own = {self.launch.task_id, self.terminate.task_id}
        inside = [task for task in self.iter_tasks() if task.task_id not in own]
        within = own | {task.task_id for task in inside}
        for task in inside:
            if not task.upstream_task_ids & (within - {self.terminate.task_id}):
                self.launch >> task
        for task in inside:
            if not task.downstream_task_ids & within and not task.is_teardown:
                task >> self.terminate
