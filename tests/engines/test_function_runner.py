"""The program that calls a function, without Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcluster_provider.core.job_result import ResultReader
from dcluster_provider.decorators.function_call import application_text
from dcluster_provider.engines.function_runner import define


def adds(a, b: SomeType = 2):  # noqa: F821  # annotations may name what is not there
    print("adding")
    return {"sum": a + b}


def raises(a):
    def inner():
        raise ValueError(f"no {a}")

    return inner()


def returns_no_json():
    return object()


def returns_too_much():
    return "x" * 100_000


def returns_nan():
    return {"mean": float("nan")}


def returns_half_a_character():
    return "\ud800"


def returns_nested():
    value = []
    for _ in range(100):
        value = [value]
    return value


def returns_much():
    return "ü" * 5_000


def leaves():
    raise SystemExit(0)


def run(function, **arguments):
    text = application_text(function, arguments, "dcluster_spark")
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=os.environ | {"DCLUSTER_JOB_ID": "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    reader = ResultReader(5)
    reader.feed(done.stdout)
    return done, reader.result()


def test_what_a_function_returns_comes_back():
    done, found = run(adds, a=1)
    assert (done.returncode, json.loads(found.result)) == (0, {"sum": 3})
    assert done.stdout.startswith("adding\n")
    assert json.loads(run(returns_much)[1].result) == "ü" * 5_000


def test_an_error_comes_back_with_the_lines_of_the_file():
    done, found = run(raises, a="good's \"\\ é")
    assert done.returncode == 1
    assert found.error.cause == "The function raises raised ValueError: no good's \"\\ é"
    lines = Path(__file__).read_text().splitlines()
    raised = next(number for number, line in enumerate(lines, 1) if "raise ValueError" in line)
    assert f'  File "{__file__}", line {raised}, in inner' in found.error.evidence
    assert '    raise ValueError(f"no {a}")' in found.error.evidence
    assert found.error.evidence[1].endswith(", in raises"), "the first frame is the function's own"
    assert "ValueError" in done.stderr


def test_arguments_are_not_shown_by_a_traceback():
    done, _ = run(raises, a="x" * 2000)
    assert "kwargs" not in done.stderr


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (returns_no_json, "TypeError: it returned a object, which"),
        (
            returns_nan,
            "TypeError: it returned a dict, which cannot be handed back as JSON (Out of range float",
        ),
        (returns_half_a_character, "surrogates not allowed"),
        (returns_nested, "nested more than 100 levels deep"),
        (returns_too_much, "at most 49152"),
    ],
)
def test_what_cannot_be_handed_back_is_an_error(function, message):
    done, found = run(function)
    assert done.returncode == 1
    assert message in found.error.cause


def test_a_function_that_ends_its_process_hands_nothing_back():
    done, found = run(leaves)
    assert (done.returncode, found) == (0, None)


def test_only_decorators_below_the_tasks_are_applied():
    source = "@unknown\n@task.dcluster_spark(\n    workers=2,\n)\n@str.upper\ndef f(): ...\n"
    call = {"source": source, "file": "dag.py", "line": 3, "decorator": "dcluster_spark"}
    with pytest.raises(TypeError, match="upper"):
        define(call)
    assert define(call | {"source": source.replace("@str.upper\n", "")})() is None
    assert define(call | {"source": "    @aliased\n    def f(): return 1\n"})() == 1
