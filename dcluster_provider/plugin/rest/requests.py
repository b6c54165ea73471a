"""The parts of a request: its connection, its body and its key."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Header, Path, Query, Request
from pydantic import TypeAdapter, ValidationError

from dcluster_provider.core.errors import InvalidSpec, explain
from dcluster_provider.core.fields import Name
from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.plugin.rest.paths import with_slashes

_MAX_BYTES = 1024 * 1024
_NAME: TypeAdapter[str] = TypeAdapter(Name)

ConnId = Annotated[
    str | None,
    Query(
        pattern=r"^[\w#!()\-.:/\\]+$",
        max_length=250,
        description="The dcluster connection; unset means the one of the cluster or job that is named, or "
        f"{DEFAULT_CONN_ID}.",
        examples=[DEFAULT_CONN_ID],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]+$",
        max_length=255,
        description="Makes a repeated request safe: the same user's request with the same key is the same request and "
        "gets the same answer. With another body it is rejected.",
        examples=["7f4a1c9e"],
    ),
]
ClusterId = Annotated[int, Path(description="The cluster's id.", examples=[10603])]
JobId = Annotated[int, Path(description="The job's id.", examples=[570232])]


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    :raises InvalidSpec: it is not a JSON object, is too large, or is not declared as JSON.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidSpec(f"header Content-Type: {kind!r} is not accepted; send application/json")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BYTES:
            raise InvalidSpec(f"body: has more than {_MAX_BYTES} bytes")
    try:
        body = json.loads(content, parse_constant=_reject_constant)
    except RecursionError:
        raise InvalidSpec("body: is nested too deeply") from None
    except ValueError as error:
        raise InvalidSpec(f"body: is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidSpec("body: is not a JSON object with fields")
    return body


JsonObject = Annotated[dict[str, Any], Depends(json_object)]


def name_in_path(field: str, value: str) -> str:
    """A client or module from a path.

    :raises InvalidSpec: no specification can have this value.
    """
    try:
        return _NAME.validate_python(with_slashes(value))
    except ValidationError as error:
        raise InvalidSpec(f"path parameter {field}: {explain(error)}") from None


def request_key(hook: DClusterHook, kind: str, user_id: str, given: str | None) -> str:
    """The key that a request is stored with: derived from the user's own, or new without one.

    :param kind: what is requested, so that one key can serve for a cluster and for a job.
    """
    return (
        derived_key(hook.settings.deployment, f"{kind} by REST\0{user_id}\0{given}") if given else fresh_key()
    )


def cluster_and_hook(conn_id: str | None, cluster: int | str) -> tuple[DClusterHook, Cluster]:
    """A cluster and the hook of the connection that it was launched through, which alone can reach it.

    :raises NotFound: the cluster or the connection does not exist.
    :raises InvalidSpec: it was launched through another connection than the named one.
    """
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    found = hook.clusters.get(cluster)
    return _own_hook(hook, conn_id, found), found


def job_and_hook(conn_id: str | None, job_id: int) -> tuple[DClusterHook, Job]:
    """A job and the hook of the connection that it was submitted through.

    :raises NotFound: the job or the connection does not exist.
    :raises InvalidSpec: it was submitted through another connection than the named one.
    """
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    found = hook.jobs.get(job_id)
    return _own_hook(hook, conn_id, found), found


def _own_hook(hook: DClusterHook, conn_id: str | None, record: Cluster | Job) -> DClusterHook:
    if record.conn_id == hook.dcluster_conn_id:
        return hook
    if conn_id is not None:
        raise InvalidSpec(
            f"query parameter conn_id: {record} was requested through the connection {record.conn_id!r}, not "
            f"{conn_id!r}; name that one, or none"
        )
    return DClusterHook(record.conn_id)


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
