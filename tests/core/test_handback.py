from __future__ import annotations

import base64
import json
import zlib

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.handback import Handback, HandbackReader, without_handback


def lines(text, kind="result", job=7, size=10):
    encoded = base64.b64encode(text.encode()).decode()
    parts = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    return [
        f"dcluster-handback {job} {kind} {index}/{len(parts)} {zlib.crc32(part.encode()):08x} {part}\n"
        for index, part in enumerate(parts, 1)
    ]


def read(log, step=None, job=7):
    reader = HandbackReader(job)
    for start in range(0, len(log), step or len(log) or 1):
        reader.feed(log[start : start + (step or len(log))])
    return reader.handback()


def test_a_result_is_found_between_other_lines_however_the_log_is_cut():
    text = json.dumps({"sum": 1, "é": "ü" * 50})
    log = "before\n" + "26/01/01 INFO noise\n".join(lines(text)) + "after"
    for step in (1, 7, 64, None):
        assert read(log, step) == Handback(result=text)


def test_a_line_that_is_cut_into_is_read_from_its_copy():
    whole = lines('"a long enough text for several parts"')
    broken = [whole[0], f"{whole[1][:40]}26/01/01 WARN cut in\n{whole[1][40:]}", *whole[2:]]
    assert read("".join(broken)) is None
    assert read("".join(broken + whole)).result == '"a long enough text for several parts"'
    assert read("".join(f"noise{line}" for line in whole)).result == '"a long enough text for several parts"'


def test_what_another_job_handed_back_is_not_taken():
    assert read("".join(lines("1", job=8))) is None
    assert read("".join(lines("1", job=8) + lines("2"))).result == "2"


def test_an_error_is_explained_with_its_traceback():
    told = {
        "function": "count",
        "type": "ValueError",
        "message": "no good\nat all",
        "traceback": "Trace\n  x\n",
    }
    found = read("".join(lines(json.dumps(told), "error")))
    assert found.error == Diagnosis(
        "FunctionRaised",
        "The function count raised ValueError: no good",
        "Correct the function, then clear the task.",
        ("Trace", "  x"),
    )


def test_a_long_traceback_keeps_both_ends():
    told = {"function": "f", "type": "E", "message": "", "traceback": "\n".join(map(str, range(500)))}
    evidence = read("".join(lines(json.dumps(told), "error"))).error.evidence
    assert (len(evidence), evidence[0], evidence[-1]) == (41, "0", "499")


def test_people_are_spared_the_lines():
    assert without_handback("a\n" + "".join(lines("1")) + "b") == ["a", "b"]
    assert read("") is None
