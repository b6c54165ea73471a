"""Operators that carry out requests of the REST API or of the Trigger form: what they make belongs to no task.

The DAG run is the request: its cluster or job outlives it, and a retry continues it instead of making another request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import ClusterFailed, DuplicateJob, JobFailed
from dcluster_provider.core.identity import derived_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.operators.cluster import DClusterLaunchOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dcluster_provider.core.identity import Owner
    from dcluster_provider.core.record import Cluster, Job


class DClusterRequestedLaunchOperator(DClusterLaunchOperator):
    """Launches the cluster of a request and waits for it; a failed cluster is not replaced.

    :param request_key: the key that the cluster was requested with, templated; empty means the run's own.

    The other arguments, result and errors are those of
    :class:`~dcluster_provider.operators.cluster.DClusterLaunchOperator`, for every type of cluster.
    """

    template_fields: Sequence[str] = (*DClusterLaunchOperator.template_fields, "request_key")

    def __init__(self, *, request_key: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_key = request_key

    def execute(self, context: Context) -> int:
        """Launch the cluster and wait for it, on the worker or in the triggerer."""
        with _failing_for_good():
            return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> int:
        """Finish after the wait in the triggerer."""
        with _failing_for_good():
            return super().execute_complete(context, event)

    def launched_before(self, owner: Owner) -> Cluster | None:
        """The request's cluster, once its launch has begun; None before."""
        cluster = self.hook.clusters.of_key(request_key_of(self.request_key, owner))
        return None if cluster is None or cluster.state is ClusterState.REQUESTED else cluster

    def ask_for(self, spec: ClusterSpec, owner: Owner) -> Cluster:
        """Launch the request's cluster, which is stored here unless it was before."""
        clusters, key = self.hook.clusters, request_key_of(self.request_key, owner)
        cluster = clusters.of_key(key) or clusters.request(spec, key, actor=str(owner))
        return clusters.resume(cluster.id, self.log.info)

    def end_own(self, owner: Owner, why: str) -> None:
        """Terminate the cluster of a launch that was given up."""
        cluster = self.hook.clusters.of_key(request_key_of(self.request_key, owner))
        if cluster is not None and not cluster.state.is_final:
            ended = self.hook.clusters.terminate(cluster.id, actor=f"{owner}: {why}")
            self.log.info("Terminated %s, now %s: %s", ended, ended.state.value, why)


class DClusterRequestedJobOperator(DClusterSubmitJobOperator):
    """Runs the job of a request and waits for it; a failed job is not run again.

    :param request_key: the key that the job was requested with, templated; empty means the run's own.

    The other arguments, result and errors are those of
    :class:`~dcluster_provider.operators.job.DClusterSubmitJobOperator`.
    """

    template_fields: Sequence[str] = (*DClusterSubmitJobOperator.template_fields, "request_key")

    def __init__(self, *, request_key: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_key = request_key

    def execute(self, context: Context) -> int:
        """Run the job and wait for it, on the worker or in the triggerer."""
        with _failing_for_good():
            return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> int:
        """Finish after the wait in the triggerer."""
        with _failing_for_good():
            return super().execute_complete(context, event)

    def submitted_before(self, owner: Owner) -> Job | None:
        """The request's job, once its submission has begun; None before."""
        job = self.hook.jobs.of_key(request_key_of(self.request_key, owner))
        return None if job is None or job.state is JobState.REQUESTED else job

    def ask_for(self, spec: JobSpec, owner: Owner) -> Job:
        """Submit the request's job, which is stored here unless it was before."""
        jobs, key = self.hook.jobs, request_key_of(self.request_key, owner)
        job = jobs.of_key(key) or jobs.request(spec, key, actor=str(owner))
        return jobs.resume(job.id, self.log.info)

    def end_own(self, owner: Owner, why: str) -> None:
        """Stop the job of a submission that was given up; its own cluster terminates with it."""
        job = self.hook.jobs.of_key(request_key_of(self.request_key, owner))
        if job is not None and not job.state.is_final:
            job = self.hook.jobs.terminate(job.id, actor=f"{owner}: {why}")
            self.log.info("Stopped %s, now %s: %s", job, job.state.value, why)


@contextmanager
def _failing_for_good() -> Iterator[None]:
    """Fail without a retry, which would find the request's own failed cluster or job again."""
    try:
        yield
    except (ClusterFailed, DuplicateJob, JobFailed) as failure:
        raise AirflowFailException(str(failure)) from failure


def request_key_of(given: str, owner: Owner) -> str:
    """The key of a request: the given one, or that of the run, which a clear does not change."""
    if given and given != "None":
        return given
    return derived_key(owner.deployment, f"request of the run {owner.run_id} of {owner.dag_id}")
