"""Runs of the bundled DAGs: one for each request, however often it is repeated."""

from __future__ import annotations

from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound, DagRunAlreadyExists
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.plugin.rest.errors import RequestsUnavailable


def require_dag(dag_id: str) -> None:
    """Reject a request, before anything is stored for it, that no DAG would carry out.

    :raises RequestsUnavailable: the DAG is missing or paused.
    """
    with create_session() as session:
        found = session.execute(
            select(DagModel.is_stale, DagModel.is_paused).where(DagModel.dag_id == dag_id)
        ).first()
    if found is None or found.is_stale:
        raise RequestsUnavailable(
            f"The DAG {dag_id} that carries out this request does not exist: add the bundle "
            "dcluster_provider.dags.bundle.DClusterDagBundle to [dag_processor] dag_bundle_config_list, and wait until "
            "the DAG processor has read it"
        )
    if found.is_paused:
        raise RequestsUnavailable(
            f"The DAG {dag_id} that carries out this request is paused: unpause it, then repeat the request"
        )


def ensure_run(dag_id: str, run_id: str, conf: dict[str, Any], user_name: str) -> None:
    """Create the run that carries out a request, unless it exists; a failed run is followed by another.

    :param run_id: the same for the same request.
    :param conf: the run's parameters.
    :raises InvalidSpec: the run exists with other parameters.
    :raises RequestsUnavailable: the DAG is missing or paused.
    """
    attempt, attempted = 1, run_id
    while True:
        known = _find(dag_id, attempted)
        if known is not None:
            state, known_conf = known
            if known_conf != conf:
                raise InvalidSpec(
                    f"header Idempotency-Key: the run {attempted} of {dag_id} was made by a request with another body; "
                    "send a key of its own with each request"
                )
            if state != DagRunState.FAILED:
                return
            attempt += 1
            attempted = f"{run_id}_{attempt}"
            continue
        require_dag(dag_id)
        try:
            trigger_dag(
                dag_id=dag_id,
                run_id=attempted,
                conf=conf,
                triggered_by=DagRunTriggeredByType.REST_API,
                triggering_user_name=user_name,
            )
        except (DagRunAlreadyExists, IntegrityError):
            continue  # created by the same request a moment ago: its parameters are compared
        except DagNotFound as error:
            raise RequestsUnavailable(f"{error}; wait until the DAG processor has read it") from error
        return


def is_queued(dag_id: str, conf: dict[str, Any]) -> bool:
    """Whether a run with these parameters is queued, which will do the same work."""
    query = select(DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.state == DagRunState.QUEUED)
    with create_session() as session:
        return any((found or {}) == conf for found in session.scalars(query))


def _find(dag_id: str, run_id: str) -> tuple[DagRunState, dict[str, Any]] | None:
    query = select(DagRun.state, DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        found = session.execute(query).first()
    return (DagRunState(found.state), found.conf or {}) if found else None
