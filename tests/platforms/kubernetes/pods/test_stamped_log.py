"""A log is read whole whatever its lines are like: in pieces, by one reader or by one after the other."""

from __future__ import annotations

import itertools
import tracemalloc
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.platforms.kubernetes.pods.ended_logs import EndedLogs
from dcluster_provider.platforms.kubernetes.pods.logs import read_pod_log
from dcluster_provider.platforms.kubernetes.pods.pod import read_pod
from dcluster_provider.platforms.kubernetes.pods.stamped_log import StampedLog, second_of

BEGAN = datetime(2026, 1, 31, 10, tzinfo=timezone.utc)
JOB = make_job(make_cluster())
MOST = 65536
LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=300)


def pod(uid: str):
    return read_pod({"metadata": {"name": "driver", "uid": uid, "namespace": "data"}})


def stamped(lines, milliseconds=300) -> str:
    times = (BEGAN + timedelta(milliseconds=milliseconds * number) for number in range(len(lines)))
    return "".join(
        f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {line}\n" for at, line in zip(times, lines, strict=True)
    )


def blocks(text: bytes, size: int):
    return iter([text[at : at + size] for at in range(0, len(text), size)])


def since(log: str, position: int) -> bytes:
    """What a node answers of a log: from the second of a position on."""
    at = datetime.fromtimestamp(second_of(position), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return "".join(f"{line}\n" for line in log.split("\n")[:-1] if not position or line >= at).encode()


@given(st.lists(LINE, max_size=12), st.integers(64, 400), st.integers(1, 500), st.lists(st.booleans()))
def test_pieces_make_up_the_whole_whoever_reads_on(lines, most, size, is_another):
    text, position, log = "", 0, None
    whole = stamped(lines)
    switches = iter(is_another)
    while True:
        if log is None or next(switches, True):
            log = StampedLog(blocks(since(whole, position), size), position)
        part = log.read(most)
        if not part.text:
            break
        assert len(part.text.encode()) <= 2 * most
        assert -(2**63) <= part.end < 2**63
        text, position = text + part.text, part.end
    assert text == "".join(f"{line}\n" for line in lines)


def read_on(read, start=0):
    text, part = "", read(start, MOST)
    while part.text:
        text, part = text + part.text, read(part.end, MOST)
    return text, part.end


def test_a_line_that_is_longer_than_any_answer_is_passed_on_in_pieces_with_few_requests(api, server):
    long = "".join(f"{number:07d} " for number in range(400_000))  # 3 MiB
    server.logs["driver"] = stamped(["before", long, "after"])
    text, end = read_on(lambda at, most: read_pod_log(api, pod("long"), at, most))
    assert text == f"before\n{long}\nafter\n"
    assert len([path for path in server.asked if path.endswith("/log")]) <= 6
    assert second_of(end) == int(BEGAN.timestamp())


def test_a_log_without_newlines_takes_bounded_memory():
    stamp = f"{BEGAN.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z ".encode()
    log = StampedLog(itertools.chain([stamp], (b"x" * MOST for _ in range(1000))), 0)
    tracemalloc.start()
    size, part = 0, log.read(MOST)
    while part.text:
        size, part = size + len(part.text), log.read(MOST)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 1000 * MOST
    assert peak < 20 * MOST


def test_a_line_that_has_no_end_yet_is_gone_on_with(api, server):
    whole = stamped(["done 10 % done 20 % done 30 %", "after"])
    server.logs["driver"] = whole[:50]
    first = read_pod_log(api, pod("growing"), 0, MOST)
    assert (first.text, read_pod_log(api, pod("growing"), first.end, MOST).text) == (whole[31:50], "")
    server.logs["driver"] = whole
    assert read_on(lambda at, most: read_pod_log(api, pod("growing"), at, most), first.end)[0] == (
        whole[50:].replace("2026-01-31T10:00:00.300000000Z ", "")
    )


def test_a_line_is_gone_on_with_in_the_log_that_is_kept(api, server, tmp_path):
    long = "x" * 200_000
    server.logs["driver"] = stamped(["before", long, "after"])
    before = read_pod_log(api, pod("kept"), 0, MOST)
    first = read_pod_log(api, pod("kept"), before.end, MOST)
    assert first.end < 0
    EndedLogs(api, tmp_path).keep(JOB, pod("kept"))
    kept = EndedLogs(api, tmp_path)
    rest, _ = read_on(lambda at, most: kept.read(JOB, at, most), first.end)
    assert before.text + first.text + rest == f"before\n{long}\nafter\n"
    assert all(len(part) <= MOST for part in (first.text, kept.read(JOB, first.end, MOST).text))


def test_a_line_whose_rest_the_node_threw_away_stops_nothing(api, server):
    server.logs["driver"] = stamped(["x" * 200_000])
    first = read_pod_log(api, pod("gone"), 0, MOST)
    server.logs["driver"] = stamped(["a", "b", "c", "d", "e", "f"], 1000)[31:].split("\n", 1)[1]
    text, _ = read_on(lambda at, most: read_pod_log(api, pod("gone"), at, most), first.end - 10**6)
    assert text.startswith("[The rest of a line is missing: the node has thrown it away]\n")
    assert text.endswith("e\nf\n")
