"""Logs that are read while they are written."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.platforms.local.files import contains, last_lines, read_part


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_there_is_nothing_in_a_log_that_is_not_there(log):
    part = read_part(log, 5, 100, is_ended=False)
    assert (part.text, part.end) == ("", 5)
    assert last_lines(log) == []
    assert not contains(log, "")


def test_a_line_that_is_being_written_waits_for_its_end(log):
    log.write_text("whole\nhal")
    part = read_part(log, 0, 100, is_ended=False)
    assert (part.text, part.end) == ("whole\n", 6)
    assert read_part(log, part.end, 100, is_ended=False).text == ""
    assert read_part(log, part.end, 100, is_ended=True).text == "hal"


def test_a_line_longer_than_what_is_read_is_read_in_pieces(log):
    log.write_text("x" * 50 + "\n")
    assert read_part(log, 0, 20, is_ended=False).text == "x" * 20


@given(st.text(alphabet="aä€😀\n", max_size=60), st.integers(4, 12), st.booleans())
def test_the_pieces_are_the_whole(tmp_path_factory, text, most, is_ended):
    log = tmp_path_factory.mktemp("log") / "log"
    log.write_bytes(text.encode())
    read, at = "", 0
    while True:
        part = read_part(log, at, most, is_ended)
        if not part.text:
            break
        read, at = read + part.text, part.end
    expected = text if is_ended else text[: text.rfind("\n") + 1]
    assert read.startswith(expected)
    assert text.startswith(read)


def test_bytes_that_are_no_text_do_no_harm(log):
    log.write_bytes(b"\xff\xfe\n\xc3")
    assert read_part(log, 0, 100, is_ended=True).end == 4


def test_the_last_lines_begin_with_a_whole_one(log):
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert last_lines(log, 25) == ["line 998", "line 999"]


def test_the_last_line_is_there_however_long_it_is(log):
    log.write_text("first\n" + "x" * 100_000 + "the end")
    assert last_lines(log, 20) == ["x" * 13 + "the end"]


def test_a_text_is_found_wherever_it_is_in_bounded_memory(log):
    joined = "Successfully registered with master"
    for before in (0, 65_536 - 10, 65_536, 10_000_000):
        log.write_bytes(b"\xff" * before + joined.encode() + b"x" * 100_000)
        tracemalloc.start()
        try:
            assert contains(log, joined)
            assert not contains(log, joined + "s")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2**20


@given(st.binary(max_size=200), st.integers(1, 20))
def test_no_bytes_keep_a_log_from_being_read_to_its_end(tmp_path_factory, content, most):
    log = tmp_path_factory.mktemp("log") / "log"
    log.write_bytes(content)
    at, reads = 0, 0
    while (part := read_part(log, at, most, is_ended=True)).text:
        assert part.end > at
        at, reads = part.end, reads + 1
    assert at == len(content)
    assert reads <= len(content)
    last_lines(log, most)
