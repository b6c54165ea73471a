"""Rejection of unknown query parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import InvalidSpec, nearest

if TYPE_CHECKING:
    from fastapi import Request


def reject_unknown_parameters(request: Request) -> None:
    """Reject query parameters that a call does not have, since a misspelt one must not be ignored.

    :raises InvalidSpec: a parameter is unknown; the error names the nearest one.
    """
    known = _query_names(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) or f"; this call has {', '.join(sorted(known)) or 'none'}"
            raise InvalidSpec(f"query parameter {name}: is unknown{hint}")


def _query_names(dependant: Any) -> set[str]:
    names = {str(param.alias) for param in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))
