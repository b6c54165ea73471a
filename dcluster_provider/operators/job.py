"""Operators that run and stop jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from dcluster_provider.core.arguments import flag, record_id
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.links.dcluster import EngineUILink, GrafanaLink, LogLink
from dcluster_provider.operators.arguments import build_spec, literal_spec
from dcluster_provider.operators.named_cluster import seconds_until
from dcluster_provider.operators.ownership import (
    DClusterOperator,
    ends_own_when_killed,
    in_seconds,
    states_named,
)
from dcluster_provider.operators.sql_templates import SqlTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from dcluster_provider.core.identity import Owner
    from dcluster_provider.core.record import Job

_FIELDS = tuple(JobSpec.model_fields)


class DClusterSubmitJobOperator(SqlTemplates, DClusterOperator):
    """Runs an application on a cluster and waits until it has succeeded, copying its log to the task's.

    Returns the job's integer id. A retry of the task adopts a job that is live or has succeeded; a clear stops it and
    runs another. Without ``cluster_id``, ``cluster_name`` or ``use_long_living_cluster`` the job gets a cluster of its
    own, which ends with it unless ``keep_alive``.

    :param spec: the whole JobsTableEntity, as a mapping or JSON text, instead of single fields.
    :param job_timeout: seconds, or a timedelta, after which the job is stopped and the task fails; None means no limit.
    :param wait_for_completion: whether to wait; without it the task succeeds once the job is accepted.

    The other arguments are the fields of :class:`~dcluster_provider.core.job_spec.JobSpec`, templated, and those of
    :class:`~dcluster_provider.operators.ownership.DClusterOperator`.

    :raises InvalidSpec: while the DAG file is parsed, when a literal argument is invalid.
    :raises JobFailed: the job failed; the error has cause, evidence and remedy.
    :raises DuplicateJob: a live job of the same client and module makes this one a duplicate.
    """

    template_fields: Sequence[str] = ("spec", "dcluster_conn_id", *_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json", "extra_cmd": "json", "sql": "sql"}
    operator_extra_links = (EngineUILink(), LogLink(), GrafanaLink())
    engine_ui_url: str = ""
    log_url: str = ""
    grafana_url: str = ""

    def __init__(  # noqa: PLR0915  # one for each field
        self,
        *,
        client: str | None = None,
        module: str | None = None,
        cluster_name: str | None = None,
        extra_cmd: dict[str, Any] | str | None = None,
        driver_mem_gb: float | str | None = None,
        worker_mem_gb: float | str | None = None,
        num_workers: int | str | None = None,
        email_recipients: str | None = None,
        pipeline_version: str | None = None,
        pipeline_config: str | None = None,
        code_version: str | None = None,
        job_type: str | None = None,
        module_type: str | None = None,
        keep_alive: bool | str | None = None,
        use_long_living_cluster: bool | str | None = None,
        use_external_cluster: bool | str | None = None,
        use_external_namespace: bool | str | None = None,
        worker_cpu: int | str | None = None,
        worker_daemon_memory: str | None = None,
        master_memory: str | None = None,
        docker_image_name: str | None = None,
        cluster_id: int | str | XComArg | None = None,
        application: str | None = None,
        sql: str | XComArg | None = None,
        main_class: str | None = None,
        args: Sequence[Any] | None = None,
        allow_duplicate: bool | str | None = None,
        savepoint: str | XComArg | None = None,
        min_workers: int | str | None = None,
        max_workers: int | str | None = None,
        returns_result: bool | str | None = None,
        main_ended_timeout: int | str | timedelta | None = None,
        py_files: Sequence[str] | str | None = None,
        jars: Sequence[str] | str | None = None,
        files: Sequence[str] | str | None = None,
        archives: Sequence[str] | str | None = None,
        packages: Sequence[str] | str | None = None,
        repositories: Sequence[str] | str | None = None,
        exclude_packages: Sequence[str] | str | None = None,
        requirements: Sequence[str] | str | None = None,
        engine_version: str | None = None,
        env: dict[str, str] | str | None = None,
        secrets: Sequence[dict[str, str]] | None = None,
        storage_conn_id: str | None = None,
        queue_name: str | None = None,
        priority_class_name: str | None = None,
        kubernetes: dict[str, Any] | str | None = None,
        spec: dict[str, Any] | str | None = None,
        job_timeout: float | timedelta | None = None,
        wait_for_completion: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.client = client
        self.module = module
        self.cluster_name = cluster_name
        self.extra_cmd = extra_cmd
        self.driver_mem_gb = driver_mem_gb
        self.worker_mem_gb = worker_mem_gb
        self.num_workers = num_workers
        self.min_workers, self.max_workers = min_workers, max_workers
        self.email_recipients = email_recipients
        self.pipeline_version = pipeline_version
        self.pipeline_config = pipeline_config
        self.code_version = code_version
        self.job_type = job_type
        self.module_type = module_type
        self.keep_alive = keep_alive
        self.use_long_living_cluster = use_long_living_cluster
        self.use_external_cluster = use_external_cluster
        self.use_external_namespace = use_external_namespace
        self.worker_cpu = worker_cpu
        self.worker_daemon_memory = worker_daemon_memory
        self.master_memory = master_memory
        self.docker_image_name = docker_image_name
        self.cluster_id = cluster_id
        self.application = application
        self.sql = sql
        self.main_class = main_class
        self.args = args
        self.allow_duplicate = allow_duplicate
        self.savepoint = savepoint
        self.returns_result = returns_result
        self.main_ended_timeout = main_ended_timeout
        self.py_files = py_files
        self.jars = jars
        self.files = files
        self.archives = archives
        self.packages = packages
        self.repositories = repositories
        self.exclude_packages = exclude_packages
        self.requirements = requirements
        self.engine_version = engine_version
        self.env = env
        self.secrets = secrets
        self.storage_conn_id = storage_conn_id
        self.queue_name = queue_name
        self.priority_class_name = priority_class_name
        self.kubernetes = kubernetes
        self.spec = spec
        self.job_timeout = (
            None if job_timeout is None else in_seconds(self.task_id, "job_timeout", job_timeout)
        )
        self.wait_for_completion = wait_for_completion
        self._job: Job | None = None
        literal_spec(self, JobSpec, _FIELDS)

    @ends_own_when_killed
    def execute(self, context: Context) -> int:
        """Submit the job and wait for it, on the worker or in the triggerer."""
        from dcluster_provider.core.record import JobState
        from dcluster_provider.hooks.lineage import with_lineage
        from dcluster_provider.hooks.metrics import count_submission
        from dcluster_provider.triggers.task_log import describe_submission

        owner = self.task_owner(context)
        spec = with_lineage(build_spec(self, JobSpec, _FIELDS), context)
        earlier = self.submitted_before(owner)
        job = self.ask_for(spec, owner)
        if earlier is not None and earlier.id == job.id:
            self.log.info("An earlier attempt submitted %s: this one adopts it", describe_submission(job))
        else:
            self.log.info("Submitted %s", describe_submission(job))
            count_submission(job)
        # One poll before deferring: a job that has started or failed by now is known without the triggerer.
        job = self.hook.jobs.observe([job.id])[job.id]
        self.log_change(None, job)
        self._known(job)
        if not self.wait_for_completion and not job.state.is_final:
            return job.id
        deadline = self.deadline_of(context, self.job_timeout)
        if self.deferrable and not job.state.is_final:
            from dcluster_provider.triggers.dcluster import JobTrigger

            states = states_named((JobState.SUCCEEDED,))
            self.defer_to(
                JobTrigger(
                    self.dcluster_conn_id, job.id, states, self.poll_interval, deadline, owner.as_json(), 0
                ),
                "execute_complete",
                owner,
            )
        return self._wait(job, seconds_until(deadline), 0)

    @ends_own_when_killed
    def execute_complete(self, _context: Context, event: dict[str, Any]) -> int:
        """Finish after the wait in the triggerer: the job has ended, or is late."""
        self.log_lines(event)
        job = self.hook.jobs.get(event["id"])
        self._known(job)
        # The trigger has stored and logged its last poll; another one would need a client of the platform.
        just_polled = event["cause"] == "state"
        log_start = event["log_end"] if event["log_is_cut"] or not just_polled else None
        return self._wait(job, 0, log_start, just_polled=just_polled)

    def submitted_before(self, owner: Owner) -> Job | None:
        """The job that an earlier attempt of the task requested; None without one."""
        return self.hook.jobs.of_key(owner.key)

    def ask_for(self, spec: JobSpec, owner: Owner) -> Job:
        """Request the job, without waiting for it."""
        return self.hook.jobs.submit(spec, owner=owner, actor=str(owner), report=self.log.info)

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> Any:
        """The OpenLineage facets of the job, once the task has ended."""
        from dcluster_provider.hooks.lineage import job_facets

        if self._job is None:
            return None
        job = self.hook.jobs.get(self._job.id)
        return job_facets(job, self.hook.clusters.get(job.cluster_id), self.hook.settings)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """The OpenLineage facets of a failed job, with its diagnosis."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def end_own(self, owner: Owner, why: str) -> None:
        """Stop the job that the task submitted; its own cluster ends with it."""
        job = self.hook.jobs.of_key(owner.key)
        if job is not None and not job.state.is_final:
            job = self.hook.jobs.terminate(job.id, actor=f"{owner}: {why}")
            self.log.info("Stopped %s, now %s: %s", job, job.state.value, why)
        # The job's own cluster may have been requested before the job was claimed.
        self.hook.clusters.end_owned_by(owner, actor=f"{owner}: {why}")

    def _wait(
        self, job: Job, timeout: float | None, log_start: int | None, *, just_polled: bool = False
    ) -> int:
        from airflow.sdk.exceptions import AirflowFailException

        from dcluster_provider.core.errors import JobFailed
        from dcluster_provider.core.record import JobState
        from dcluster_provider.hooks.metrics import time_job

        last, read_to = [job], log_start

        def report_poll(after: Job) -> None:
            nonlocal read_to
            if read_to is not None:
                read_to = self._copy_log(after, read_to)
            self.log_change(last[0], after)
            last[0] = after

        try:
            ended = self.hook.jobs.wait(
                job.id,
                timeout=timeout,
                poll_interval=min(self.poll_interval, 1.0),
                on_poll=report_poll,
                just_polled=just_polled,
            )
        except JobFailed as failure:
            time_job(last[0])
            self.hook.upkeep.notify_failure(last[0])
            if last[0].state is JobState.UNKNOWN:
                # Running it again might do the work twice: a person has to decide.
                raise AirflowFailException(str(failure)) from failure
            raise
        self._known(ended)
        time_job(ended)
        return ended.id

    def _copy_log(self, job: Job, start: int) -> int:
        """Copy what the job has logged since a position to the task's log; returns the next position."""
        from dcluster_provider.core.job_result import without_result_lines

        (part,) = self.hook.jobs.read_logs([(job, start)])
        while part.text:
            for line in without_result_lines(part.text):
                self.log.info("  | %s", line)
            (part,) = self.hook.jobs.read_logs([(job, part.end)])
        return part.end

    def _known(self, job: Job) -> None:
        self._job = job
        links = self.hook.jobs.infos([job])[0]["links"]
        self.engine_ui_url, self.log_url, self.grafana_url = links["engine"], links["log"], links["grafana"]


class DClusterTerminateJobOperator(DClusterOperator):
    """Stops a job; one that has ended already is no error.

    :param job_id: the job's id, templated.
    :param savepoint: stop a Flink job with a savepoint, and return the savepoint's folder, templated. When the
        savepoint fails, the job keeps running and the task fails.
    :param terminate_timeout: seconds, or a timedelta, after which the task fails because the job still runs.
    """

    template_fields: Sequence[str] = ("job_id", "savepoint", "dcluster_conn_id")

    def __init__(
        self,
        *,
        job_id: int | str | XComArg,
        savepoint: bool | str = False,
        terminate_timeout: float | timedelta = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.savepoint = savepoint
        self.terminate_timeout = in_seconds(self.task_id, "terminate_timeout", terminate_timeout)

    @ends_own_when_killed
    def execute(self, context: Context) -> str:
        """Stop the job and wait until it has ended; returns its state, or the savepoint's folder."""
        job_id = record_id("job_id", self.job_id)
        actor, savepoint = str(self.task_owner(context)), flag("savepoint", self.savepoint)
        job = self.hook.jobs.terminate(job_id, savepoint=savepoint, actor=actor)
        self.log_change(None, job)
        deadline = self.deadline_of(context, self.terminate_timeout)
        if not job.state.is_final and self.deferrable:
            from dcluster_provider.core.record import JobState
            from dcluster_provider.triggers.dcluster import JobTrigger

            # A savepoint that fails leaves the job running.
            states = states_named((JobState.RUNNING,)) if savepoint else []
            self.defer_to(
                JobTrigger(self.dcluster_conn_id, job.id, states, self.poll_interval, deadline),
                "execute_complete",
            )
        return self._wait(job_id, seconds_until(deadline))

    @ends_own_when_killed
    def execute_complete(self, _context: Context, event: dict[str, Any]) -> str:
        """Finish after the wait in the triggerer; returns the job's state, or the savepoint's folder."""
        self.log_lines(event)
        return self._wait(event["id"], 0, just_polled=event["cause"] == "state")

    def _wait(self, job_id: int, timeout: float | None, *, just_polled: bool = False) -> str:
        from dcluster_provider.control.savepoints import raise_if_savepoint_failed, savepoint_of
        from dcluster_provider.core.record import JobState

        ended, savepoint = (
            tuple(state for state in JobState if state.is_final),
            flag("savepoint", self.savepoint),
        )
        on_poll = raise_if_savepoint_failed if savepoint else None
        pause = min(self.poll_interval, 1.0)
        job = self.hook.jobs.wait(
            job_id, ended, timeout, poll_interval=pause, on_poll=on_poll, just_polled=just_polled
        )
        self.log_change(None, job)
        return savepoint_of(job) if savepoint else job.state.value


class DClusterStopClientJobsOperator(DClusterOperator):
    """Stops every live job of a client and module; returns the ids of those that were live.

    :param client: the client of the jobs, templated.
    :param module: the module of the jobs, templated.
    """

    template_fields: Sequence[str] = ("client", "module", "dcluster_conn_id")

    def __init__(self, *, client: str, module: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.client = client
        self.module = module

    @ends_own_when_killed
    def execute(self, context: Context) -> list[int]:
        """Stop the jobs, without waiting until they have ended."""
        stopped = self.hook.jobs.stop_client(self.client, self.module, actor=str(self.task_owner(context)))
        for job in stopped:
            self.log_change(None, job)
        return [job.id for job in stopped]
