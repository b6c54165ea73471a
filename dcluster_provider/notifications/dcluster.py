"""The notifier: when a DAG run or task fails, what it asked for is ended at once, and why it failed is told."""

from __future__ import annotations

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

    As ``on_failure_callback`` of a DAG it is about the whole run, as that of a task about what the task asked for. A
    long-living cluster and everything of other runs is left alone. Without it, a cluster check ends the same some
    minutes later.

    :param dcluster_conn_id: the connection, templated.
    :param end: whether to end anything, or only to tell.
    """

    template_fields: Sequence[str] = ("dcluster_conn_id",)

    def __init__(self, *, dcluster_conn_id: str = DEFAULT_CONN_ID, end: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dcluster_conn_id = dcluster_conn_id
        self.end = end

    def notify(self, context: Context) -> None:
        """End and tell; what cannot be ended is told and hinders nothing else."""
        from dcluster_provider.hooks.dcluster import DClusterHook

        hook = DClusterHook(self.dcluster_conn_id)
        run, task = _subject(context)
        whose = f"{run[0]}.{task} of {run[1]}" if task else f"{run[0]} of {run[1]}"
        jobs = [job for job in hook.jobs.of_run(*run) if task in (None, job.owner and job.owner.task_id)]
        clusters = [it for it in hook.clusters.of_run(*run) if task in (None, it.owner and it.owner.task_id)]
        for job in jobs:
            self._tell(hook, job, whose)
        for cluster in clusters:
            if not cluster.spec.long_living:
                self._tell(hook, cluster, whose)

    def _tell(self, hook: DClusterHook, record: Cluster | Job, whose: str) -> None:
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


def _subject(context: Context) -> tuple[tuple[str, str], str | None]:
    """The DAG run, and the task if the callback is a task's.

    A DAG's callback has a task in its context, too, and the reason that only such a callback has.
    """
    known: dict[str, Any] = dict(context)
    ti: Any = known.get("ti")
    run: Any = known["dag_run"]
    is_of_task = ti is not None and "reason" not in known
    return (run.dag_id, run.run_id), ti.task_id if is_of_task else None
