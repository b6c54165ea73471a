"""The routes of the JobController that are about jobs."""

from __future__ import annotations

import json
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from fastapi import APIRouter, Path, Query, Request, Response

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import LIVE_JOB_STATES, Job, JobState, parse_states
from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.spec import parse
from dcluster_provider.dags.ids import LONG_RUNNING_ALERT, SUBMIT_JOB, TERMINATE_JOB
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.plugin.rest import bodies, bounded_observer
from dcluster_provider.plugin.rest.access import may_read, may_run
from dcluster_provider.plugin.rest.requests import (
    ConnId,
    IdempotencyKey,
    JobId,
    JsonObject,
    job_and_hook,
    name_in_path,
    request_key,
)
from dcluster_provider.plugin.rest.runs import ensure_run, require_dag
from dcluster_provider.plugin.rest.upkeep_routes import run_upkeep

router = APIRouter(tags=["Jobs"])
_HIGHEST_ID = 2**31 - 1
_FROM_TEMPLATE = {"application": "", "main_class": "", "args": ()}

Client = Annotated[str, Path(description="The client.", examples=["my-team"])]
Module = Annotated[str, Path(description="The module.", examples=["data-processing"])]


@router.post(
    "/job/submit",
    summary="Submit a job",
    dependencies=[may_run(SUBMIT_JOB)],
    openapi_extra=bodies.job_body(),
)
def submit(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> dict[str, Any]:
    """Returns the job at once, with its id as ``jobId``; a run of ``dcluster_submit_job`` runs it."""
    spec = parse(JobSpec, body)
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    require_dag(SUBMIT_JOB)
    stored = request_key(hook, "job", user.get_id(), key)
    actor = f"{user.get_name()} (REST)"
    job = hook.jobs.of_key(stored) or hook.jobs.request(spec, stored, actor=actor)
    if not _answers(job, spec) or job.conn_id != hook.dcluster_conn_id:
        raise InvalidSpec(
            f"header Idempotency-Key: {key!r} came with another request, which {job} answers; send a key of its own "
            "with each request"
        )
    if not job.state.is_final:
        # The run's parameters are visible to everyone who may see runs; the job is run from the registry's record.
        conf = redaction().fields(job.spec.model_dump(mode="json")) | {
            "dcluster_conn_id": job.conn_id,
            "request_key": stored,
        }
        ensure_run(SUBMIT_JOB, f"rest__job_{job.id}", conf, user.get_name())
    return _entity(hook.jobs.info(job.id))


@router.post("/job/terminate/{job_id}", summary="Terminate a job", dependencies=[may_run(TERMINATE_JOB)])
def terminate(
    job_id: JobId,
    user: GetUserDep,
    savepoint: Annotated[
        bool,
        Query(description="Stop a Flink job with a savepoint, whose folder ``/job/info`` then has."),
    ] = False,
    conn_id: ConnId = None,
) -> str:
    """Returns at once; a run of ``dcluster_terminate_job`` stops the job."""
    hook, job = job_and_hook(conn_id, job_id)
    if savepoint:
        bounded_observer.OBSERVER.within_limits(job.conn_id, lambda: hook.jobs.check_savepoint(job.id))
    if job.state.is_final:
        return f"Job {job.id} ({job.client}/{job.module}) has ended already: {job.state.value}"
    _stop(job, user, savepoint)
    return f"Job {job.id} ({job.client}/{job.module}) is being terminated"


@router.get("/job/status/{job_id}", summary="The state of a job", dependencies=[may_read(SUBMIT_JOB)])
def status(job_id: JobId, response: Response, conn_id: ConnId = None) -> str:
    """The current state, such as ``RUNNING``."""
    observed = bounded_observer.OBSERVER.job(*job_and_hook(conn_id, job_id))
    observed.mark_stale(response)
    return observed.record.state.value


@router.get("/job/info/{job_id}", summary="Everything about a job", dependencies=[may_read(SUBMIT_JOB)])
def info(job_id: JobId, response: Response, conn_id: ConnId = None) -> dict[str, Any]:
    """The fields of JobsTableEntity with the job's state, times, cluster, links, exit code and diagnosis."""
    hook, job = job_and_hook(conn_id, job_id)
    observed = bounded_observer.OBSERVER.job(hook, job)
    observed.mark_stale(response)
    return _entity(hook.jobs.infos([observed.record])[0]) | observed.as_json()


@router.get("/job/list", summary="Jobs by their state", dependencies=[may_read(SUBMIT_JOB)])
def list_jobs(
    status: Annotated[
        str | None, Query(description="A state in any letter case; unset means all.", examples=["running"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of jobs.")] = 1000,
    after_id: Annotated[
        int,
        Query(
            ge=0, le=_HIGHEST_ID, description="The last id of the previous page; 0 starts with the newest."
        ),
    ] = 0,
    conn_id: ConnId = None,
    *,
    request: Request,
    response: Response,
) -> list[dict[str, Any]]:
    """Jobs in their last recorded states, newest first, each as ``/job/info`` returns it.

    The header ``X-Total-Count`` has the number of all jobs, and ``Link`` the next page, if there is one.
    """
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    try:
        states = parse_states(JobState, status)
    except InvalidSpec as error:
        raise InvalidSpec(str(error).replace("field state", "query parameter status", 1)) from None
    registry = hook.control.registry
    found = registry.jobs.list(states=states, after_id=after_id, limit=limit + 1)
    page = found[:limit]
    response.headers["X-Total-Count"] = str(registry.jobs.count(states))
    if len(found) > limit:
        following = request.url.include_query_params(after_id=page[-1].id, limit=limit)
        response.headers["Link"] = f'<?{following.query}>; rel="next"'
    return [_entity(each) for each in hook.jobs.infos(page)]


@router.get(
    "/job/check/{client}/{module}",
    summary="Whether a job of a client and module is live",
    dependencies=[may_read(SUBMIT_JOB)],
)
def check(client: Client, module: Module, conn_id: ConnId = None) -> bool:
    """Whether another job of this client and module would be rejected as a duplicate."""
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    found = hook.jobs.find_duplicate(name_in_path("client", client), name_in_path("module", module))
    return found is not None


@router.post(
    "/job/stopped/{client}/{module}",
    summary="Stop the jobs of a client and module",
    dependencies=[may_run(TERMINATE_JOB)],
)
def stopped(client: Client, module: Module, user: GetUserDep, conn_id: ConnId = None) -> bool:
    """Whether there were live jobs; a run of ``dcluster_terminate_job`` stops each."""
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    live = hook.control.registry.jobs.iterate(
        states=LIVE_JOB_STATES,
        client=name_in_path("client", client),
        module=name_in_path("module", module),
    )
    number = 0
    for number, job in enumerate(live, 1):  # noqa: B007  # counted
        _stop(job, user)
    return number > 0


@router.get(
    "/job/monitor/alert",
    summary="Alert about long-running jobs",
    dependencies=[may_run(LONG_RUNNING_ALERT)],
)
def alert(user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None) -> str:
    """Returns at once; a run of ``dcluster_long_running_alert`` finds them and notifies."""
    return run_upkeep(LONG_RUNNING_ALERT, "The alert about long-running jobs", user, conn_id, key)


@router.get(
    "/job/monitor/{client}",
    summary="Whether the jobs of a client are monitored",
    dependencies=[may_read(SUBMIT_JOB)],
)
def monitored(client: Client, conn_id: ConnId = None) -> bool:
    """Whether long-running jobs of the client raise an alert."""
    return DClusterHook(conn_id or DEFAULT_CONN_ID).jobs.is_monitored(name_in_path("client", client))


def _entity(info: dict[str, Any]) -> dict[str, Any]:
    """A job as JobsTableEntity: its settings are JSON text."""
    return info | {"extraCmd": json.dumps(info["extraCmd"], ensure_ascii=False)}


def _stop(job: Job, user: GetUserDep, savepoint: bool = False) -> None:
    conf = {"job_id": job.id, "savepoint": savepoint, "dcluster_conn_id": job.conn_id}
    suffix = "_savepoint" if savepoint else ""
    ensure_run(TERMINATE_JOB, f"rest__job_{job.id}{suffix}", conf, user.get_name())


def _answers(job: Job, spec: JobSpec) -> bool:
    """Whether a job is the answer to a specification; the connection may have filled in the application."""
    return spec in (job.spec, job.spec.model_copy(update=_FROM_TEMPLATE))
