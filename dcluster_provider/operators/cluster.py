"""Operators that launch and terminate clusters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from dcluster_provider.core.arguments import flag, whole_number
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.engine_traits import TYPES, types_of
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.links.dcluster import EngineUILink, GrafanaLink
from dcluster_provider.operators.arguments import build_spec, literal_spec
from dcluster_provider.operators.named_cluster import NamedClusterOperator, named_cluster, seconds_until
from dcluster_provider.operators.ownership import (
    DClusterOperator,
    ends_own_when_killed,
    in_seconds,
    states_named,
)

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from dcluster_provider.core.identity import Owner
    from dcluster_provider.core.record import Cluster, ClusterState

_FIELDS = tuple(ClusterSpec.model_fields)


class DClusterLaunchOperator(DClusterOperator):
    """Launches a cluster and waits until its master reports every worker; subclasses name the engine.

    Returns the cluster's integer id. A retry of the task adopts the cluster that an earlier attempt launched; a clear
    terminates it and launches another. If the launch fails, nothing is left of it.

    :param spec: the whole ClusterEntity, as a mapping or JSON text, instead of single fields.
    :param launch_timeout: seconds, or a timedelta, after which the launch is given up and undone.

    The other arguments are the fields of :class:`~dcluster_provider.core.cluster_spec.ClusterSpec`, templated, and
    those of :class:`~dcluster_provider.operators.ownership.DClusterOperator`.

    :raises InvalidSpec: while the DAG file is parsed, when a literal argument is invalid.
    :raises ClusterFailed: the cluster failed; the error has cause, evidence and remedy.
    """

    template_fields: Sequence[str] = ("spec", "dcluster_conn_id", *_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json", "extra_configs": "json"}
    operator_extra_links = (EngineUILink(), GrafanaLink())
    engine_ui_url: str = ""
    grafana_url: str = ""
    default_type: ClassVar[str] = "spark3"
    types: ClassVar[tuple[str, ...]] = tuple(TYPES)

    def __init__(
        self,
        *,
        tenant: str | None = None,
        workers: int | str | None = None,
        worker_cpu: str | float | None = None,
        worker_memory: str | None = None,
        master_cpu: str | float | None = None,
        master_memory: str | None = None,
        type: str | None = None,  # noqa: A002  # the name of the field
        use_on_demand_master: bool | str | None = None,
        extra_configs: dict[str, Any] | str | None = None,
        launch_new_node: bool | str | None = None,
        launch_dynamic_disk: bool | str | None = None,
        use_external_namespace: bool | str | None = None,
        cluster_suffix: str | None = None,
        long_living: bool | str | None = None,
        idle_timeout: int | str | timedelta | None = None,
        max_lifetime: int | str | timedelta | None = None,
        min_workers: int | str | None = None,
        max_workers: int | str | None = None,
        single_job: bool | str | None = None,
        queue_name: str | None = None,
        priority_class_name: str | None = None,
        driver_mem_gb: float | str | None = None,
        engine_version: str | None = None,
        env: dict[str, str] | str | None = None,
        secrets: Sequence[dict[str, str]] | None = None,
        storage_conn_id: str | None = None,
        kubernetes: dict[str, Any] | str | None = None,
        spec: dict[str, Any] | str | None = None,
        launch_timeout: float | timedelta = 900,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.workers = workers
        self.worker_cpu = worker_cpu
        self.worker_memory = worker_memory
        self.master_cpu = master_cpu
        self.master_memory = master_memory
        self.type = type if type is not None or spec is not None else self.default_type
        self.use_on_demand_master = use_on_demand_master
        self.extra_configs = extra_configs
        self.launch_new_node = launch_new_node
        self.launch_dynamic_disk = launch_dynamic_disk
        self.use_external_namespace = use_external_namespace
        self.cluster_suffix = cluster_suffix
        self.long_living = long_living
        self.idle_timeout = idle_timeout
        self.max_lifetime = max_lifetime
        self.min_workers = min_workers
        self.max_workers = max_workers
        self.single_job = single_job
        self.queue_name = queue_name
        self.priority_class_name = priority_class_name
        self.driver_mem_gb = driver_mem_gb
        self.engine_version = engine_version
        self.env = env
        self.secrets = secrets
        self.storage_conn_id = storage_conn_id
        self.kubernetes = kubernetes
        self.spec = spec
        self.launch_timeout = in_seconds(self.task_id, "launch_timeout", launch_timeout)
        literal = literal_spec(self, ClusterSpec, _FIELDS)
        if literal is not None:
            self._checked(literal)

    @ends_own_when_killed
    def execute(self, context: Context) -> int:
        """Launch the cluster and wait for it, on the worker or in the triggerer."""
        from dcluster_provider.core.record import ClusterState
        from dcluster_provider.hooks.metrics import count_launch
        from dcluster_provider.triggers.task_log import describe_launch

        owner = self.task_owner(context)
        spec = self._checked(build_spec(self, ClusterSpec, _FIELDS))
        earlier = self.launched_before(owner)
        launched = self.ask_for(spec, owner)
        if earlier is not None and earlier.id == launched.id:
            self.log.info("An earlier attempt launched %s: this one adopts it", describe_launch(launched))
        else:
            self.log.info("Launched %s", describe_launch(launched))
            count_launch(launched)
        cluster = self._poll(launched)
        self._known(cluster)
        deadline = self.deadline_of(context, self.launch_timeout)
        if self.deferrable and not (cluster.state.takes_jobs or cluster.state.is_final):
            from dcluster_provider.triggers.dcluster import ClusterTrigger

            states = states_named((ClusterState.RUNNING,))
            self.defer_to(
                ClusterTrigger(
                    self.dcluster_conn_id, cluster.id, states, self.poll_interval, deadline, owner.as_json()
                ),
                "execute_complete",
                owner,
            )
        return self._wait(cluster, seconds_until(deadline))

    @ends_own_when_killed
    def execute_complete(self, _context: Context, event: dict[str, Any]) -> int:
        """Finish after the wait in the triggerer: the cluster runs, has failed, or is late."""
        self.log_lines(event)
        cluster = self.hook.clusters.get(event["id"])
        self._known(cluster)
        return self._wait(cluster, 0, just_polled=event["cause"] == "state")

    def launched_before(self, owner: Owner) -> Cluster | None:
        """The cluster that an earlier attempt of the task requested; None without one."""
        return self.hook.clusters.of_key(owner.key)

    def ask_for(self, spec: ClusterSpec, owner: Owner) -> Cluster:
        """Request the cluster, without waiting until it is ready."""
        return self.hook.clusters.launch(spec, owner=owner, actor=str(owner), report=self.log.info)

    def end_own(self, owner: Owner, why: str) -> None:
        """Terminate the cluster that the task launched, unless it is long-living and others use it already."""
        from dcluster_provider.core.errors import ClusterInUse

        cluster = self.hook.clusters.of_key(owner.key)
        if cluster is None or cluster.state.is_final:
            return
        try:
            ended = self.hook.clusters.terminate(cluster.id, actor=f"{owner}: {why}", asked_by=owner)
        except ClusterInUse as used:
            self.log.warning("%s", used)
        else:
            self.log.info("Terminated %s, now %s: %s", ended, ended.state.value, why)

    def _checked(self, spec: ClusterSpec) -> ClusterSpec:
        if spec.type not in self.types:
            raise InvalidSpec(
                f"ClusterSpec: field type: {spec.type!r} is not launched by {type(self).__name__}, which takes "
                f"{' or '.join(map(repr, self.types))}"
            )
        return spec

    def _poll(self, before: Cluster) -> Cluster:
        after = self.hook.clusters.observe([before.id])[before.id]
        self.log_change(None, after)
        return after

    def _wait(self, cluster: Cluster, timeout: float | None, *, just_polled: bool = False) -> int:
        from dcluster_provider.core.errors import ClusterFailed
        from dcluster_provider.core.record import ClusterState
        from dcluster_provider.hooks.metrics import count_failure, time_start

        # A cluster that ran and has lost a worker since counts as launched: its jobs can run.
        states = tuple(state for state in ClusterState if state.takes_jobs)
        last = [cluster]

        def report_change(after: Cluster) -> None:
            self.log_change(last[0], after)
            last[0] = after

        try:
            running = self.hook.clusters.wait(
                cluster.id,
                states,
                timeout,
                poll_interval=min(self.poll_interval, 1.0),
                on_change=report_change,
                just_polled=just_polled,
            )
        except ClusterFailed:
            count_failure(last[0])
            raise
        time_start(running)
        self._known(running)
        return running.id

    def _known(self, cluster: Cluster) -> None:
        self.engine_ui_url = cluster.ui_url
        self.grafana_url = self.hook.settings.grafana.of_cluster(cluster)


class DClusterLaunchSparkOperator(DClusterLaunchOperator):
    """Launches a Spark cluster and waits for it; arguments and result are those of DClusterLaunchOperator."""

    default_type = "spark3"
    types = types_of("spark")


class DClusterLaunchFlinkOperator(DClusterLaunchOperator):
    """Launches a Flink cluster and waits for it; arguments and result are those of DClusterLaunchOperator."""

    default_type = "flink"
    types = types_of("flink")


class DClusterTerminateOperator(NamedClusterOperator):
    """Terminates a cluster and the jobs on it; one that has ended already is no error.

    :param cluster_id: the cluster's id, templated; None after templating (its launch returned no id) means that there
        is nothing to terminate.
    :param cluster_name: the cluster's name instead of its id, templated.
    :param force: terminate a long-living cluster under the live jobs of other DAG runs, too, templated; without it the
        task fails, naming them.
    :param terminate_timeout: seconds, or a timedelta, after which the task fails because something is still there.

    :raises ClusterInUse: the cluster is long-living and other DAG runs use it.
    """

    template_fields: Sequence[str] = ("cluster_id", "cluster_name", "force", "dcluster_conn_id")

    def __init__(
        self,
        *,
        cluster_id: int | str | XComArg | None = None,
        cluster_name: str | None = None,
        force: bool | str = False,
        terminate_timeout: float | timedelta = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(cluster_id=cluster_id, cluster_name=cluster_name, **kwargs)
        self.force = force
        self.terminate_timeout = in_seconds(self.task_id, "terminate_timeout", terminate_timeout)

    @ends_own_when_killed
    def execute(self, context: Context) -> None:
        """Terminate the cluster and wait until nothing of it is left."""
        selected = named_cluster(self.cluster_id, self.cluster_name)
        if selected is None:
            self.log.info("There is no cluster to terminate: its launch returned no id")
            return
        owner, force = self.task_owner(context), flag("force", self.force)
        cluster = self.hook.clusters.terminate(selected, actor=str(owner), asked_by=owner, force=force)
        self.log_change(None, cluster)
        if not cluster.state.is_final:
            self.wait_on(cluster.id, self.deadline_of(context, self.terminate_timeout))

    def states(self) -> tuple[ClusterState, ...]:
        """Those of a cluster of which nothing is left."""
        from dcluster_provider.core.record import ClusterState

        return tuple(state for state in ClusterState if state.is_final)


class DClusterResizeOperator(NamedClusterOperator):
    """Gives a running elastic cluster another number of workers, and waits until it has them; its jobs go on.

    A retry asks for the same number again, which changes nothing.

    :param cluster_id: the cluster's id, templated.
    :param cluster_name: the cluster's name instead of its id, templated.
    :param workers: number of workers, from the cluster's ``min_workers`` to its ``max_workers``, templated.
    :param resize_timeout: seconds, or a timedelta, after which the task fails; the cluster is still resized then.

    :raises InvalidSpec: the cluster is not elastic, or the number is out of its bounds.
    :raises ClusterNotRunning: it is still being launched, is terminating or has ended.
    """

    template_fields: Sequence[str] = ("cluster_id", "cluster_name", "workers", "dcluster_conn_id")

    def __init__(
        self,
        *,
        workers: int | str | XComArg,
        cluster_id: int | str | XComArg | None = None,
        cluster_name: str | None = None,
        resize_timeout: float | timedelta = 900,
        **kwargs: Any,
    ) -> None:
        super().__init__(cluster_id=cluster_id, cluster_name=cluster_name, **kwargs)
        self.workers = workers
        self.resize_timeout = in_seconds(self.task_id, "resize_timeout", resize_timeout)

    @ends_own_when_killed
    def execute(self, context: Context) -> None:
        """Resize the cluster and wait until it has exactly that number of workers."""
        selected = named_cluster(self.cluster_id, self.cluster_name)
        if selected is None:
            raise InvalidSpec("field cluster_id: names no cluster; its launch returned no id")
        workers = whole_number("workers", self.workers)
        cluster = self.hook.clusters.resize(selected, workers, actor=str(self.task_owner(context)))
        self.log_change(None, cluster)
        if cluster.resizing_since is not None:
            self.wait_on(cluster.id, self.deadline_of(context, self.resize_timeout))
            self._tell_of_another_size(cluster.id)

    def finish(self, cluster_id: int, *, is_reached: bool) -> None:
        """Fail if the time is up; a cluster that had its workers may be resized again by now."""
        if not is_reached:
            super().finish(cluster_id, is_reached=False)
        self._tell_of_another_size(cluster_id)

    def _tell_of_another_size(self, cluster_id: int) -> None:
        cluster = self.hook.clusters.get(cluster_id)
        if cluster.spec.workers != whole_number("workers", self.workers):
            self.log.warning("%s was resized again meanwhile, to %s workers", cluster, cluster.spec.workers)

    def states(self) -> tuple[ClusterState, ...]:
        """That of a cluster with all its workers."""
        from dcluster_provider.core.record import ClusterState

        return (ClusterState.RUNNING,)
