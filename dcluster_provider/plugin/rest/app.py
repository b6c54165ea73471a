"""The FastAPI app that Airflow's API server mounts at ``/dcluster``."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api import security
from airflow.configuration import conf
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dcluster_provider import __version__
from dcluster_provider.plugin import job_log
from dcluster_provider.plugin.rest import cluster_routes, job_routes, node_routes, upkeep_routes
from dcluster_provider.plugin.rest.errors import RESPONSES, add_handlers
from dcluster_provider.plugin.rest.paths import NamesAndHead

_DESCRIPTION = """
Launches, watches and terminates Spark and Flink clusters and their jobs.

Every call but `GET /` needs a token of Airflow (`POST /auth/token`) and rights on the bundled DAG that does the work:
to read it for calls that only report, to trigger it for the others. Long work is answered at once and carried out by a
run of that DAG.

Each path also exists below `/cluster`.
"""
_ERROR = {"$ref": "#/components/schemas/ErrorBody"}
_ROUTERS = (upkeep_routes.router, cluster_routes.router, job_routes.router, node_routes.router)


def make_app() -> FastAPI:
    """Create the app, with every call twice: at its own path, and below ``/cluster``."""
    pages = conf.getboolean("api", "enable_swagger_ui", fallback=True)
    app = FastAPI(
        title="dCluster",
        version=__version__,
        description=_DESCRIPTION,
        docs_url="/docs" if pages else None,
        redoc_url="/redoc" if pages else None,
        responses=RESPONSES,
    )
    add_handlers(app)
    app.add_middleware(NamesAndHead)
    for router in _ROUTERS:
        app.include_router(router)
    for router in _ROUTERS:
        app.include_router(router, prefix="/cluster", include_in_schema=False)
    app.include_router(job_log.router)
    # A mounted app lacks the state of Airflow's own app, where the dependency expects the auth manager.
    app.dependency_overrides[security.auth_manager_from_app] = get_auth_manager
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of the actual responses: every error is an ErrorBody, input errors are 400, never 422."""
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in description["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                for status, response in operation["responses"].items():
                    if status != "200":  # an error is JSON, also where the answer is not
                        response["content"] = {"application/json": {"schema": _ERROR}}
        for name in ("HTTPValidationError", "ValidationError"):
            description["components"]["schemas"].pop(name, None)
        app.openapi_schema = description
    return app.openapi_schema


app = make_app()
