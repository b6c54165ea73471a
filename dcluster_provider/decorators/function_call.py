"""Makes a Spark application of a function in a DAG file, and the file that it runs from."""

from __future__ import annotations

import inspect
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SESSION = "spark"  # the argument that gets the Spark session
_LEFTOVER_SECONDS = 30 * 86400  # in which any job that waited for its cluster has started


def check_function(function: Callable[..., Any]) -> None:
    """Reject, while a DAG file is parsed, a function that cannot run outside of the file.

    :raises TypeError: it is not a plain function, is asynchronous, takes ``*args``, or uses variables of an enclosing
        function.
    """
    name = getattr(function, "__name__", repr(function))
    if not inspect.isfunction(function) or name == "<lambda>":
        raise TypeError(f"@task.dcluster_spark: {name} is not a function defined with def")
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"@task.dcluster_spark: {name} is asynchronous; write it without async")
    if function.__code__.co_freevars:
        raise TypeError(
            f"@task.dcluster_spark: {name} uses {', '.join(function.__code__.co_freevars)} of its enclosing function, "
            "which does not exist on the cluster; pass it as an argument"
        )
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
            raise TypeError(f"@task.dcluster_spark: {name}: {parameter} has to be an argument with a name")


def named_arguments(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name; the session, which no caller passes, is None.

    :raises TypeError: the arguments do not fit the function.
    """
    signature = inspect.signature(function)
    has_session = SESSION in signature.parameters
    given = {name: value for name, value in kwargs.items() if name != SESSION or value is not None}
    rest = signature.replace(parameters=[it for it in signature.parameters.values() if it.name != SESSION])
    arguments = dict(rest.bind_partial(*args, **given).arguments)
    for parameter in rest.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
    return arguments | ({SESSION: None} if has_session else {})


def needed_arguments(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments without a default."""
    return [
        it.name
        for it in inspect.signature(function).parameters.values()
        if it.default is it.empty and it.kind is not it.VAR_KEYWORD
    ]


def check_complete(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Reject a call that would fail on the cluster, before a cluster is launched.

    :param arguments: by name, with those that the task's context provides.
    :raises InvalidSpec: an argument without a default is missing.
    """
    from dcluster_provider.core.errors import InvalidSpec

    for name in needed_arguments(function):
        if name not in {*arguments, SESSION}:
            raise InvalidSpec(
                f"argument {name}: {function.__name__}() needs it, the call does not give it, and the "
                "context of this run has nothing of that name (a run without a logical date has no ds or "
                "data_interval_start, for instance); give it a default, or pass it"
            )


def application_text(function: Callable[..., Any], arguments: Mapping[str, Any], decorator: str) -> str:
    """The Spark application that calls a function and returns its result.

    :param arguments: by name, without the session, which the driver adds.
    :param decorator: the last part of the name that the function was decorated with.
    :raises InvalidSpec: an argument cannot be serialized as JSON.
    """
    from dcluster_provider.engines import function_runner

    lines, first = inspect.getsourcelines(function)
    call = {
        "name": function.__name__,
        "source": "".join(lines),
        "file": inspect.getsourcefile(function) or "<dag>",
        "line": first,
        "decorator": decorator,
        "kwargs": {name: _as_json(name, it) for name, it in arguments.items() if name != SESSION},
        "session": SESSION if SESSION in arguments else None,
    }
    # As a literal of JSON text: every Python version of a driver reads it alike.
    return f"{inspect.getsource(function_runner)}\n\nrun(json.loads({json.dumps(call)!r}))\n"


def _as_json(name: str, value: Any) -> Any:
    from dcluster_provider.core.errors import InvalidSpec

    try:
        return json.loads(json.dumps(value, default=_list))
    except (TypeError, ValueError) as error:
        raise InvalidSpec(
            f"argument {name}: a {type(value).__name__} cannot be passed to the cluster ({error}); pass "
            "numbers, texts, lists and dicts"
        ) from None


def _list(value: Any) -> list[Any]:
    # The outputs of mapped tasks come as a sequence of Airflow's own type.
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a {type(value).__name__} cannot be serialized as JSON")


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically, and remove old files of killed tasks beside it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in file.parent.iterdir():
        _remove_if_old(leftover)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)


def _remove_if_old(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            path.unlink()
    except OSError:
        return  # another task removed it
