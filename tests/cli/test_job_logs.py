"""A job's log in a terminal, with jobs that are in memory."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import pytest

from dcluster_provider.cli import jobs, session
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.record import JobState
from dcluster_provider.platforms.base import LogPart

SILENT = PlatformUnavailable("the node does not answer")


class OneJob:
    """A job whose log comes in pieces: a text, an error, or a state that the job reaches."""

    def __init__(self, *pieces):
        self.log, self.state, self.pieces, self.piece = "", JobState.RUNNING, iter(pieces), ""

    def pass_time(self, seconds):
        self.piece = next(self.pieces)
        if isinstance(self.piece, JobState):
            self.state = self.piece
        elif isinstance(self.piece, str):
            self.log += self.piece

    def get(self, job_id):
        return SimpleNamespace(conn_id="dcluster_default")

    def observe(self, ids):
        return {number: SimpleNamespace(state=self.state) for number in ids}

    def read_log(self, job_id, start):
        if start == len(self.log) and isinstance(self.piece, Exception):
            raise self.piece
        return LogPart(self.log[start : start + 4], min(start + 4, len(self.log)))

    def why_log_is_empty(self, job_id):
        return f"Job {job_id} printed nothing."


@pytest.fixture
def print_log(monkeypatch, capsys):
    """Print the log of a job; returns what came out, and what was told beside it."""

    def print_log(job, *, follow=True):
        monkeypatch.setattr(
            session, "DClusterHook", lambda conn_id: SimpleNamespace(jobs=job, dcluster_conn_id=conn_id)
        )
        monkeypatch.setattr(jobs.time, "sleep", job.pass_time)
        jobs.logs_jobs(Namespace(job_id=7, follow=follow, conn_id="dcluster_default"))
        return capsys.readouterr()

    return print_log


def test_a_log_that_grows_is_followed_to_the_jobs_end(print_log):
    said = print_log(OneJob("first\n", "second\n", "third\n", JobState.SUCCEEDED))
    assert (said.out, said.err) == ("first\nsecond\nthird\n", "")


def test_a_log_that_cannot_be_read_for_a_while_is_read_on(print_log):
    said = print_log(OneJob("first\n", SILENT, SILENT, "second\n", SILENT, "third\n", JobState.FAILED))
    assert said.out == "first\nsecond\nthird\n"
    assert (
        said.err.splitlines()
        == ["The log cannot be read now, and will be retried: the node does not answer"] * 2
    )


def test_a_log_that_cannot_be_read_at_the_jobs_end_is_an_error(print_log):
    job = OneJob("first\n", SILENT)
    job.state = JobState.SUCCEEDED
    job.pass_time(0), job.pass_time(0)
    with pytest.raises(SystemExit, match="PlatformUnavailable: the node does not answer"):
        print_log(job)


def test_an_empty_log_says_why(print_log):
    assert print_log(OneJob(), follow=False).err == "Job 7 printed nothing.\n"
