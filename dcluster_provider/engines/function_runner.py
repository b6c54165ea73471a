"""Calls one function on a Spark driver and hands back what it returns or raises.

The text of this file and a call of :func:`run` after it are a whole Spark application, so it needs nothing but the
standard library and pyspark.
"""

from __future__ import annotations
import __future__

import ast
import base64
import json
import linecache
import os
import sys
import textwrap
import traceback
import zlib
from collections.abc import Callable
from typing import Any

_PART = 600  # characters; what other output cuts into is as little as can be
_MOST = 48 * 1024  # bytes of a result
_MAX_NESTING = 100  # of a result, as its reader has it
_LONGEST_TRACEBACK = 16 * 1024  # characters


def run(call: dict[str, Any]) -> None:
    """Call a function.

    :param call: ``source`` of the function, its ``file`` and ``line`` there, ``decorator`` (the name of the one that
        the function was taken by: this and those above are not applied), ``kwargs``, and ``session``, the name of the
        argument that gets the Spark session, or none.
    """
    try:
        function = define(call)
        kwargs = dict(call["kwargs"])
        if call["session"]:
            kwargs[call["session"]] = _session()
        text = _as_json(function(**kwargs))
    except Exception as error:  # noqa: BLE001  # whatever the function raises
        _stop_spark()
        told = _told(call, error)
        sys.stderr.write(told["traceback"])
        _hand_back("error", json.dumps(told))
        raise SystemExit(1) from None  # the traceback to here would show the arguments
    _stop_spark()
    _hand_back("result", text)


def define(call: dict[str, Any]) -> Callable[..., Any]:
    """The function of a source text, whose tracebacks name the file and lines that it came from."""
    source, file = textwrap.dedent(call["source"]), call["file"]
    tree = ast.parse(source)
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = _applied(function.decorator_list, call["decorator"])
    ast.increment_lineno(tree, call["line"] - 1)
    lines = ["\n"] * (call["line"] - 1) + source.splitlines(keepends=True)
    linecache.cache[file] = (len(source), None, lines, file)
    # Annotations may name what only the DAG file imports.
    code = compile(tree, file, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(code, names)  # noqa: S102  # the user's own function
    defined: Callable[..., Any] = names[function.name]
    return defined


def _applied(decorators: list[ast.expr], ours: str) -> list[ast.expr]:
    for index, decorator in enumerate(decorators):
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(named, "attr", getattr(named, "id", None)) == ours:
            return decorators[index + 1 :]
    return []


def _session() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def _stop_spark() -> None:
    """Let Spark say its last words before what is handed back."""
    pyspark = sys.modules.get("pyspark")
    context = pyspark and pyspark.SparkContext._active_spark_context  # noqa: SLF001  # no public way
    if context:
        context.stop()


def _as_json(returned: Any) -> str:
    try:
        text = json.dumps(returned, allow_nan=False)
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"it returned a {type(returned).__name__}, which cannot be handed back as JSON ({error}); return numbers, "
            "texts, lists and dicts, and write the rest to storage"
        ) from None
    if not _is_shallow(value):
        raise ValueError(
            f"it returned lists or dicts nested more than {_MAX_NESTING} levels deep, which cannot be handed back; "
            "write them to storage and return where they are"
        )
    if len(text) > _MOST:
        raise ValueError(
            f"it returned {len(text)} bytes of JSON, of which at most {_MOST} can be handed back; write them to "
            "storage and return where they are"
        )
    return text


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_NESTING):
        inner = (list(each.values()) if isinstance(each, dict) else each for each in level)
        level = [child for each in inner if isinstance(each, list) for child in each]
    return not level


def _told(call: dict[str, Any], error: Exception) -> dict[str, str]:
    raised_here = error.__traceback__ and error.__traceback__.tb_next  # below this file's own line
    lines = "".join(traceback.format_exception(type(error), error, raised_here))
    if len(lines) > _LONGEST_TRACEBACK:
        lines = f"{lines[: _LONGEST_TRACEBACK // 2]}\n...\n{lines[-_LONGEST_TRACEBACK // 2 :]}"
    return {
        "function": call["name"],
        "type": type(error).__name__,
        "message": str(error)[:1000],
        "traceback": lines,
    }


def _hand_back(kind: str, text: str) -> None:
    encoded = base64.b64encode(text.encode()).decode()
    parts = [encoded[start : start + _PART] for start in range(0, len(encoded), _PART)]
    sys.stdout.flush()
    sys.stderr.flush()
    lines = [
        f"dcluster-result {os.environ['DCLUSTER_JOB_ID']} {kind} {index}/{len(parts)} "
        f"{zlib.crc32(part.encode()):08x} {part}\n"
        for index, part in enumerate(parts, 1)
    ]
    for _ in range(2):
        os.write(1, b"\n")
        for line in lines:
            os.write(1, line.encode())
