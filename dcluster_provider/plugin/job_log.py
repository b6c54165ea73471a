"""``GET /dcluster/{conn_id}/jobs/{job_id}/log``: the log of a job, as text."""

from __future__ import annotations

from collections.abc import Iterator

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from airflow.models.dag import DagModel
from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse, StreamingResponse

from dcluster_provider.core.errors import DClusterError, NotFound
from dcluster_provider.core.record import Job
from dcluster_provider.hooks.dcluster import DClusterHook

router = APIRouter(tags=["Logs"])


@router.get("/{conn_id}/jobs/{job_id}/log", summary="The log of a job", response_class=PlainTextResponse)
def read_job_log(conn_id: str, job_id: int, user: GetUserDep) -> StreamingResponse:
    """The whole log of a job as it is now; if it is empty, an explanation.

    Readable by users who may read the log of the task that requested the job; the log of a job that no task requested,
    by users who may see the plugins.
    """
    hook = DClusterHook(conn_id)
    job = hook.jobs.get(job_id)
    if job.conn_id != conn_id:
        raise NotFound(f"There is no job {job_id} of the connection {conn_id!r}")
    if not _may_read(user, job):
        raise HTTPException(403, f"You may not read the log of job {job_id}")
    return StreamingResponse(_parts(hook, job), media_type="text/plain; charset=utf-8")


def _may_read(user: GetUserDep, job: Job) -> bool:
    manager = get_auth_manager()
    if job.owner is None:
        return manager.is_authorized_view(access_view=AccessView.PLUGINS, user=user)
    return manager.is_authorized_dag(
        method="GET",
        access_entity=DagAccessEntity.TASK_LOGS,
        details=DagDetails(id=job.owner.dag_id, team_name=DagModel.get_team_name(job.owner.dag_id)),
        user=user,
    )


def _parts(hook: DClusterHook, job: Job) -> Iterator[str]:
    try:
        part = hook.jobs.read_log(job.id)
        if not part.text:
            yield f"{hook.jobs.why_log_is_empty(job.id)}\n"
        while part.text:
            yield part.text
            part = hook.jobs.read_log(job.id, part.end)
    except DClusterError as error:  # the response has begun, so the error goes into its text
        yield f"The log cannot be read from here on: {error}\nLoad this page again later.\n"
