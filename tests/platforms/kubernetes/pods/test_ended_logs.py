"""The whole log of a job whose pod goes with its end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from kubernetes.client import ApiClient, Configuration
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.pods import ended_logs
from dcluster_provider.platforms.kubernetes.pods.ended_logs import EndedLogs
from dcluster_provider.platforms.kubernetes.pods.logs import read_pod_log
from dcluster_provider.platforms.kubernetes.pods.pod import read_pod

BEGAN = datetime(2026, 1, 31, 10, tzinfo=timezone.utc)
POD = read_pod({"metadata": {"name": "driver", "uid": "u", "namespace": "data"}})
JOB = make_job(make_cluster())


def log_of(count: int, begin: int = 0) -> str:
    """Lines as a node keeps them, 400 a second."""
    times = [BEGAN + timedelta(microseconds=2500 * number) for number in range(begin, begin + count)]
    return "".join(
        f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z line {begin + number}\n"
        for number, at in enumerate(times)
    )


def lines(begin: int, end: int) -> list[str]:
    return [f"line {number}" for number in range(begin, end)]


def read_on(read, start: int = 0, most: int = 65536) -> list[str]:
    """Everything after a position, a piece after the other."""
    text, part = "", read(start, most)
    while part.text:
        text, part = text + part.text, read(part.end, most)
    return text.splitlines()


def test_a_log_is_kept_whole_and_can_be_read_on_by_every_process_of_the_machine(api, server, tmp_path):
    server.logs["driver"] = log_of(20_000)
    half = read_pod_log(api, POD, 0, 300_000)
    EndedLogs(api, tmp_path).keep(JOB, POD)
    server.logs.clear()
    kept = EndedLogs(api, tmp_path)
    assert read_on(lambda at, most: kept.read(JOB, at, most)) == lines(0, 20_000)
    assert half.text.splitlines() + read_on(lambda at, most: kept.read(JOB, at, most), half.end) == lines(
        0, 20_000
    )
    part = kept.read(JOB, 0, 1000)
    assert (part.is_cut, len(part.text) < 1000) == (True, True)
    assert part.kept_at.startswith(str(tmp_path))


def test_lines_of_one_moment_are_each_read_once(api, server, tmp_path):
    server.logs["driver"] = "".join(f"2026-01-31T10:00:00.000000001Z line {number}\n" for number in range(9))
    kept = EndedLogs(api, tmp_path)
    kept.keep(JOB, POD)
    assert read_on(lambda at, most: kept.read(JOB, at, most), most=80) == lines(0, 9)


def test_a_last_line_without_an_end_is_kept(api, server, tmp_path):
    server.logs["driver"] = log_of(2).rstrip("\n")
    kept = EndedLogs(api, tmp_path)
    kept.keep(JOB, POD)
    assert read_on(lambda at, most: kept.read(JOB, at, most)) == lines(0, 2)


def test_nothing_counts_as_kept_of_a_log_that_cannot_be_read(tmp_path):
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:9"
    kept = EndedLogs(KubernetesApi(lambda: ApiClient(configuration)), tmp_path)
    with pytest.raises(PlatformUnavailable):
        kept.keep(JOB, POD)
    assert kept.read(JOB, 0, 1000) is None
    assert list((tmp_path / "job-logs").iterdir()) == []


def test_a_home_that_cannot_be_written_is_no_reason_to_lose_a_log(api, server, tmp_path, monkeypatch):
    server.logs["driver"] = log_of(5)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "home").write_text("no folder")
    kept = EndedLogs(api, tmp_path / "home")
    kept.keep(JOB, POD)
    assert read_on(lambda at, most: kept.read(JOB, at, most)) == lines(0, 5)


def test_more_than_is_kept_of_one_log_is_told(api, server, tmp_path, monkeypatch):
    monkeypatch.setattr(ended_logs, "_MAX_BYTES", 380)
    server.logs["driver"] = log_of(50)
    kept = EndedLogs(api, tmp_path)
    kept.keep(JOB, POD)
    *first, last = read_on(lambda at, most: kept.read(JOB, at, most))
    assert first == lines(0, 10)
    assert last == "[The log goes on after 380 bytes, which is the most that is kept]"


def test_lines_that_the_node_threw_away_before_they_were_read_are_told(api, server):
    server.logs["driver"] = log_of(100)
    part = read_pod_log(api, POD, 0, 65536)
    server.logs["driver"] = log_of(100, begin=5_000)
    following = read_pod_log(api, POD, part.end, 65536).text.splitlines()
    assert following[0].startswith(
        "[Lines are missing that were written between 10:00:00.247500 and 10:00:12.500000"
    )
    assert following[1:] == lines(5_000, 5_100)
    server.logs["driver"] = log_of(300, begin=5_000)
    assert read_on(lambda at, most: read_pod_log(api, POD, at, most), part.end)[0].startswith(
        "[Lines are missing"
    )
