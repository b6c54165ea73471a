"""Who may do what: the rights on the bundled DAGs are the rights on the calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

from dcluster_provider.plugin.rest.parameters import reject_unknown_parameters
from dcluster_provider.plugin.rest.paths import IS_HEAD


def may_read(dag_id: str) -> Any:
    """Only for those who may read a bundled DAG: everybody else is answered 403, the unknown 401.

    :param dag_id: of the DAG whose work the call tells of.
    """

    def check(request: Request, user: GetUserDep) -> None:
        _require(user, "GET", None, dag_id)
        reject_unknown_parameters(request)

    return Depends(check)


def may_run(dag_id: str) -> Any:
    """Only for those who may trigger a bundled DAG: everybody else is answered 403, the unknown 401.

    :param dag_id: of the DAG that does what the call asks for.
    """
    return Depends(_run_check(dag_id))


def _run_check(dag_id: str) -> Callable[..., None]:
    def check(request: Request, user: GetUserDep) -> None:
        if request.scope.get(IS_HEAD):
            raise HTTPException(405, "HEAD changes nothing, and this call does", headers={"Allow": "GET"})
        _refuse_forged(request)
        _require(user, "POST", DagAccessEntity.RUN, dag_id)
        reject_unknown_parameters(request)

    return check


def _refuse_forged(request: Request) -> None:
    """Refuse what a page of another site may have had a browser with a session send; some of these calls are GET.

    A token is sent by nobody but its owner. With a cookie alone, the browser has to say that no other site asked, or
    the caller has to send a header that no other site can have sent.

    :raises HTTPException: 403.
    """
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("none", "same-origin"):
        raise HTTPException(403, "This call changes something and is not taken from a page of another site")
    if site is None and request.cookies and "x-requested-with" not in request.headers:
        raise HTTPException(
            403,
            "This call changes something, and a session's cookie alone does not show who asks for it: send a token "
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
