from __future__ import annotations

import base64
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from result_lines import result_lines

from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.job_result import ResultReader, ReturnedResult, without_result_lines


def read(log, step=None, job=7):
    reader = ResultReader(job)
    for start in range(0, len(log), step or len(log) or 1):
        reader.feed(log[start : start + (step or len(log))])
    return reader.result()


def test_a_result_is_found_between_other_lines_however_the_log_is_cut():
    text = json.dumps({"sum": 1, "é": "ü" * 50})
    log = "before\n" + "26/01/01 INFO noise\n".join(result_lines(text)) + "after"
    for step in (1, 7, 64, None):
        assert read(log, step) == ReturnedResult(result=text)


def test_a_line_that_is_cut_into_is_read_from_its_copy():
    whole = result_lines('"a long enough text for several parts"')
    broken = [whole[0], f"{whole[1][:40]}26/01/01 WARN cut in\n{whole[1][40:]}", *whole[2:]]
    assert read("".join(broken)) is None
    assert read("".join(broken + whole)).result == '"a long enough text for several parts"'
    assert read("".join(f"noise{line}" for line in whole)).result == '"a long enough text for several parts"'


def test_what_another_job_handed_back_is_not_taken():
    assert read("".join(result_lines("1", job=8))) is None
    assert read("".join(result_lines("1", job=8) + result_lines("2"))).result == "2"


def test_an_error_is_explained_with_its_traceback():
    told = {
        "function": "count",
        "type": "ValueError",
        "message": "no good\nat all",
        "traceback": "Trace\n  x\n",
    }
    found = read("".join(result_lines(json.dumps(told), "error")))
    assert found.error == Diagnosis(
        JobCode.FUNCTION_RAISED,
        "The function count raised ValueError: no good",
        "Correct the function, then clear the task.",
        ("Trace", "  x"),
    )


def test_a_long_traceback_keeps_both_ends():
    told = {"function": "f", "type": "E", "message": "", "traceback": "\n".join(map(str, range(500)))}
    evidence = read("".join(result_lines(json.dumps(told), "error"))).error.evidence
    assert (len(evidence), evidence[0], evidence[-1]) == (41, "0", "499")


def test_people_are_spared_the_lines():
    assert without_result_lines("a\n" + "".join(result_lines("1")) + "b") == ["a", "b"]
    assert read("") is None


def line(index, count, part, kind="result", job=7):
    return f"dcluster-result {job} {kind} {index}/{count} {zlib.crc32(part.encode()):08x} {part}\n"


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    "log",
    {
        "index 0": line(0, 1, encoded("1")),
        "index beyond the last": line(2, 1, encoded("1")),
        "no parts at all": line(0, 0, encoded("1")),
        "more parts than there can be": line(1, 99999, encoded("1")),
        "wrong base64": line(1, 1, "A"),
        "base64 that goes on after its end": line(1, 1, "MQ==MQ=="),
        "not UTF-8": line(1, 1, encoded(b"\xff\xfe")),
        "not JSON": line(1, 1, encoded("{")),
        "JSON that none but Python reads": line(1, 1, encoded("[NaN]")),
        "half a character": line(1, 1, encoded(r'"\ud800"')),
        "a number too long to be read": "".join(result_lines("1" * 5000, size=1000)),
        "an error that is a text": line(1, 1, encoded('"ValueError"'), "error"),
        "an error without its fields": line(1, 1, encoded("{}"), "error"),
        "an error whose message is no text": line(
            1,
            1,
            encoded('{"function": "f", "type": "E", "message": 3, "traceback": ""}'),
            "error",
        ),
        "digits of another script": line(1, 1, encoded("1")).replace(" 7 ", " \N{ARABIC-INDIC DIGIT SEVEN} "),
        "nested without end": "".join(result_lines("[" * 100_000, size=1000)),
        "nested too deep to be written again": "".join(result_lines("[" * 500 + "]" * 500, size=1000)),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_what_looks_like_a_result_and_is_none_is_other_output(log):
    assert read(log[1]) is None


def test_a_broken_error_hides_no_result():
    assert read(line(1, 1, encoded("{}"), "error") + "".join(result_lines("1"))) == ReturnedResult(result="1")


def test_an_attempt_that_was_cut_short_is_replaced_by_the_next():
    assert read(
        "".join(result_lines('"the first, longer one"')[:-1] + result_lines('"2nd"'))
    ) == ReturnedResult(result='"2nd"')


TOLD = st.fixed_dictionaries(
    {}, optional={name: st.text() | st.integers() for name in ("function", "type", "message", "traceback")}
)
TEXT = st.text(alphabet=st.characters(exclude_categories=()))
TEXTS = (
    st.binary()
    | st.recursive(st.none() | st.floats() | TEXT, lambda it: st.lists(it) | st.dictionaries(TEXT, it)).map(
        lambda value: json.dumps(value).encode()
    )
    | TOLD.map(lambda value: json.dumps(value).encode())
)
NEAR = st.builds(
    line,
    st.integers(0, 3) | st.integers(0, 10**6),
    st.integers(0, 3) | st.integers(0, 10**6),
    TEXTS.map(encoded) | st.text(alphabet="AQ+/=", min_size=1),
    st.sampled_from(["result", "error", "other"]),
    st.sampled_from([7, 8]),
)


@given(st.lists(NEAR | TEXT | st.binary().map(lambda raw: raw.decode(errors="replace"))), st.integers(1, 99))
def test_no_log_raises_and_what_is_read_can_be_kept(pieces, step):
    log = "".join(pieces)
    without_result_lines(log)
    found = read(log, step)
    assert found == read(log)
    if found is not None:
        kept = json.loads(found.result) if found.result is not None else found.error.as_json()
        json.dumps(kept, allow_nan=False, ensure_ascii=False).encode()


def test_a_log_without_newlines_is_read_in_bounded_memory():
    reader, size = ResultReader(7), 64 * 1024
    tracemalloc.start()
    try:
        for number in range(200):
            reader.feed(chr(ord("a") + number % 26) * size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * size
    reader.feed("".join(result_lines("1")))
    assert reader.result() == ReturnedResult(result="1")


def test_wild_lines_are_kept_in_bounded_memory():
    reader = ResultReader(7)
    tracemalloc.start()
    try:
        for count in range(1, 60):
            reader.feed("".join(line(index, count, f"{index:01000}") for index in range(1, count + 1)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**19
