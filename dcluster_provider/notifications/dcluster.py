"""The notifier that ends what a failed DAG run or task requested, and logs why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from dcluster_provider.hooks.connection import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from dcluster_provider.core.record import Cluster, Job
    from dcluster_provider.hooks.dcluster import DClusterHook


class DClusterNotifier(BaseNotifier):
    """Ends the clusters and jobs of a failed DAG run, and logs the state, cause and links of each.

    As ``on_failure_callback`` of a DAG it handles the whole run; of a task, what the task requested; of a mapped task,
    what its own instance requested. Long-living clusters and everything of other runs are left alone. Without it, a
    cluster check ends the same some minutes later.

    :param dcluster_conn_id: id of the connection, templated.
    :param end: whether to end anything, or only to log it.
    """

    template_fields: Sequence[str] = ("dcluster_conn_id",)

    def __init__(self, *, dcluster_conn_id: str = DEFAULT_CONN_ID, end: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dcluster_conn_id = dcluster_conn_id
        self.end = end

    def notify(self, context: Context) -> None:
        """Log and end everything of the failed run or task; one that cannot be ended does not hold up the others."""
        from dcluster_provider.hooks.dcluster import DClusterHook

        hook = DClusterHook(self.dcluster_conn_id)
        subject = _Subject.of(context)
        for job in hook.jobs.of_run(subject.dag_id, subject.run_id):
            if subject.has(job):
                self._handle(hook, job, str(subject))
        for cluster in hook.clusters.of_run(subject.dag_id, subject.run_id):
            if subject.has(cluster) and not cluster.spec.long_living:
                self._handle(hook, cluster, str(subject))

    def _handle(self, hook: DClusterHook, record: Cluster | Job, whose: str) -> None:
        from dcluster_provider.core.errors import DClusterError
        from dcluster_provider.core.record import Job

        calls = hook.jobs if isinstance(record, Job) else hook.clusters
        try:
            if self.end and not record.state.is_final:
                record = calls.terminate(record.id, actor=f"the failure of {whose}")
            links = [
                f"{name} {address}" for name, address in calls.info(record.id)["links"].items() if address
            ]
        except DClusterError as error:
            self.log.warning("%s of %s could not be ended: %s", record, whose, error)
            return
        cause = f"\n{record.diagnosis.render()}" if record.diagnosis else ""
        self.log.warning("%s of %s is %s: %s%s", record, whose, record.state.value, ", ".join(links), cause)


@dataclass(frozen=True)
class _Subject:
    """What has failed: a DAG run, or one of its tasks.

    :param task: id and map index of the task; None when the callback is the DAG's.
    """

    dag_id: str
    run_id: str
    task: tuple[str, int] | None

    @classmethod
    def of(cls, context: Context) -> _Subject:
        """The subject of a callback.

        The context of a DAG's callback has a task, too, and a reason that only such a callback has.
        """
        known: dict[str, Any] = dict(context)
        run: Any = known["dag_run"]
        ti: Any = known.get("ti")
        if ti is None or "reason" in known:
            return cls(run.dag_id, run.run_id, None)
        index = getattr(ti, "map_index", None)
        return cls(run.dag_id, run.run_id, (ti.task_id, -1 if index is None else index))

    def has(self, record: Cluster | Job) -> bool:
        """Whether the subject requested a cluster or job of the run."""
        owner = record.owner
        return self.task is None or (owner is not None and (owner.task_id, owner.map_index) == self.task)

    def __str__(self) -> str:
        if self.task is None:
            return f"{self.dag_id} of {self.run_id}"
        task_id, index = self.task
        return f"{self.dag_id}.{task_id}{f'[{index}]' if index >= 0 else ''} of {self.run_id}"
