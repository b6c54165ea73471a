"""Authorization: the rights on the bundled DAGs are the rights on the calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

from dcluster_provider.plugin.rest.paths import IS_HEAD, reject_unknown_parameters


def may_read(dag_id: str) -> Any:
    """Allow users who may read a bundled DAG; others get 403, and anonymous callers 401.

    :param dag_id: the DAG whose work the call reports.
    """

    def check(request: Request, user: GetUserDep) -> None:
        _require(user, "GET", None, dag_id)
        reject_unknown_parameters(request)

    return Depends(check)


def may_run(dag_id: str) -> Any:
    """Allow users who may trigger a bundled DAG; others get 403, and anonymous callers 401.

    :param dag_id: the DAG that carries out the call.
    """
    return Depends(_run_check(dag_id))


def _run_check(dag_id: str) -> Callable[..., None]:
    def check(request: Request, user: GetUserDep) -> None:
        if request.scope.get(IS_HEAD):
            raise HTTPException(405, "HEAD changes nothing, and this call does", headers={"Allow": "GET"})
        _reject_forged(request)
        _require(user, "POST", DagAccessEntity.RUN, dag_id)
        reject_unknown_parameters(request)

    return check


def _reject_forged(request: Request) -> None:
    """Reject requests that a page of another site could have made a browser send; some of these calls are GET.

    Only its owner sends a token. With a cookie alone, either the browser has to state that no other site made the
    request, or the caller has to send a header that no other site can send.

    :raises HTTPException: 403.
    """
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("none", "same-origin"):
        raise HTTPException(
            403, "This call changes something and is not accepted from a page of another site"
        )
    if site is None and request.cookies and "x-requested-with" not in request.headers:
        raise HTTPException(
            403,
            "This call changes something, and a session's cookie alone does not show who sent it: send a token "
            "(Authorization: Bearer ...), or the header X-Requested-With with any value",
        )


def _require(
    user: GetUserDep, method: Literal["GET", "POST"], entity: DagAccessEntity | None, dag_id: str
) -> None:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    if not get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=details, user=user
    ):
        right = "read" if method == "GET" else "trigger"
        raise HTTPException(
            403, f"{user.get_name()} may not do this: it needs the right to {right} the DAG {dag_id}"
        )
