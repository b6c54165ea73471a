"""Many waits, one look: with a control that counts its calls."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hanging import HANG_SECONDS, wait_until
from local_platform import make_cluster, make_job

from dcluster_provider.control import observation_errors, waiting
from dcluster_provider.control.observation_errors import Unobservable
from dcluster_provider.core.errors import NotFound, PlatformUnavailable
from dcluster_provider.core.record import ClusterState, Job, JobState
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.triggers import shared_watch
from dcluster_provider.triggers.poll_result import Subscription
from dcluster_provider.triggers.shared_watch import SharedWatch

HIDDEN = [("refused a moment ago", 99.0), ("refused for long", 0.0)]
SILENT = SimpleNamespace(log_pause=0.0, on_change=lambda told: lambda: None)


JOB = make_job(make_cluster())


def seen_job(number: int, looks: int, owns_cluster: bool) -> Job:
    """Job N, which is over after N looks."""
    state = JobState.SUCCEEDED if looks >= number else JobState.RUNNING
    cluster = number + 100
    return replace(JOB, id=number, state=state, cluster_id=cluster, owns_cluster=owns_cluster)


@dataclass
class CountingCalls:
    """Jobs that need no registry: job N is final after N looks."""

    looks: int = 0
    asked: list[set[int]] = field(default_factory=list)
    fails: bool = False
    log_questions: int = 0
    own_clusters: bool = False
    hidden_ones: dict[int, Unobservable] = field(default_factory=dict)

    def observe(self, ids):
        if self.fails:
            raise ConnectionError("the registry does not answer")
        self.looks += 1
        self.asked.append(set(ids))
        return {n: seen_job(n, self.looks, self.own_clusters) for n in ids if n > 0}

    def unobservable(self, job):
        return self.hidden_ones.get(job.id)

    def read_logs(self, wanted, most):
        self.log_questions += 1
        return tuple(LogPart(f"line {start}\n", start + 1) for _, start in wanted)


@pytest.fixture
def calls():
    return CountingCalls()


def watch_over(calls) -> SharedWatch:
    watch = SharedWatch("test")
    watch._control = SimpleNamespace(jobs=calls, clusters=CountingCalls(), platform=SILENT)
    return watch


async def wait_for(watch, job_id, log_start=None, poll_interval=0.01):
    seen = []
    sights = watch.follow(Subscription("job", job_id, poll_interval, log_start))
    async for sight in sights:
        seen.append(sight)
        if sight.record.state.is_final:
            break
    await sights.aclose()
    return seen


def test_three_hundred_waits_cost_one_look_each_time_and_one_thread(calls):
    async def run():
        watch = watch_over(calls)
        waits = [asyncio.create_task(wait_for(watch, 3, log_start=0)) for _ in range(300)]
        await asyncio.sleep(0.005)
        threads = [it for it in threading.enumerate() if it.name.startswith("dcluster-watch")]
        seen = await asyncio.gather(*waits)
        await watch._task
        return len(threads), seen

    threads, seen = asyncio.run(run())
    assert threads <= 1
    assert (calls.looks, calls.log_questions) == (3, 3)
    assert [len(sights) for sights in seen] == [3] * 300


def test_the_watch_ends_with_its_last_wait_and_begins_anew(calls):
    async def run():
        watch = watch_over(calls)
        await wait_for(watch, 1)
        await watch._task
        looks = calls.looks
        watch._control = SimpleNamespace(jobs=calls, clusters=CountingCalls(), platform=SILENT)
        await wait_for(watch, looks + 1)
        await watch._task

    asyncio.run(run())
    threads = [it for it in threading.enumerate() if it.name.startswith("dcluster-watch")]
    for thread in threads:
        thread.join(HANG_SECONDS)  # it has been told to end and nobody waits for it
    assert not any(thread.is_alive() for thread in threads)


def test_each_wait_reads_the_log_on_from_where_it_was(calls):
    seen = asyncio.run(wait_for(watch_over(calls), 3, log_start=0))
    assert [sight.log_text for sight in seen] == ["line 0\n", "line 1\n", "line 2\n"]


def test_between_two_looks_at_all_only_what_has_changed_is_looked_at(calls):
    listeners = []

    def on_change(told):
        listeners.append(told)
        return lambda: listeners.remove(told)

    async def asked(times):
        assert await asyncio.to_thread(wait_until, lambda: len(calls.asked) >= times)
        return calls.asked[times - 1]

    async def run():
        watch = watch_over(calls)
        watch._control.platform = SimpleNamespace(log_pause=0.0, on_change=on_change)
        watch._listen_to(watch._control)
        waits = [asyncio.create_task(wait_for(watch, number, poll_interval=60)) for number in (70, 80, 90)]
        seen = [await asked(1)]
        threading.Thread(target=listeners[0], args=[180]).start()
        seen.append(await asked(2))
        listeners[0](999)  # nobody waits for it
        waits.append(asyncio.create_task(wait_for(watch, 60, poll_interval=60)))
        seen.append(await asked(3))
        listeners[0](None)
        seen.append(await asked(4))
        for wait in waits:
            wait.cancel()
        return seen

    assert asyncio.run(run()) == [{70, 80, 90}, {80}, {60}, {60, 70, 80, 90}]


def test_a_wait_that_comes_later_and_asks_more_often_sets_the_pace_at_once(calls):
    async def run():
        watch = watch_over(calls)
        slow = asyncio.create_task(wait_for(watch, 99, poll_interval=600))
        assert await asyncio.to_thread(wait_until, lambda: len(calls.asked) == 1)
        await asyncio.wait_for(wait_for(watch, 4), HANG_SECONDS)
        slow.cancel()

    asyncio.run(run())
    assert calls.looks >= 4


def test_a_record_that_is_gone_ends_its_wait_alone(calls):
    async def run():
        watch = watch_over(calls)
        return await asyncio.gather(wait_for(watch, -1), wait_for(watch, 2), return_exceptions=True)

    gone, other = asyncio.run(run())
    assert isinstance(gone, NotFound)
    assert other[-1].record.state.is_final


def test_what_is_refused_for_long_ends_its_wait_alone(calls, monkeypatch):
    monkeypatch.setattr(observation_errors, "_REFUSED_SECONDS", 60.0)
    short, long = (Unobservable(PlatformUnavailable(text), 100.0, since) for text, since in HIDDEN)
    calls.hidden_ones = {3: short, 99: long}

    async def run():
        watch = watch_over(calls)
        return await asyncio.gather(wait_for(watch, 99), wait_for(watch, 3), return_exceptions=True)

    refused, other = asyncio.run(run())
    assert str(refused) == "refused for long"
    assert [(sight.trouble, sight.record.state.is_final) for sight in other][-1] == (
        "refused a moment ago",
        True,
    )


def test_looks_that_go_on_failing_are_told_and_a_few_are_borne(calls, monkeypatch):
    async def run():
        watch = watch_over(calls)
        calls.fails = True
        wait = asyncio.create_task(wait_for(watch, 1))
        await asyncio.sleep(0.03)
        calls.fails = False
        await wait
        calls.fails = True
        monkeypatch.setattr(waiting, "_RETRY_SECONDS", 0.1)
        with pytest.raises(ConnectionError, match="does not answer"):
            await wait_for(watch, 99)

    asyncio.run(run())


@dataclass
class EndingClusters:
    """Clusters that have ended after so many looks."""

    looks_left: int
    asked: list[set[int]] = field(default_factory=list)

    def observe(self, ids):
        self.asked.append(set(ids))
        if ids:
            self.looks_left -= 1
        state = ClusterState.TERMINATING if self.looks_left else ClusterState.TERMINATED
        return {number: SimpleNamespace(state=state) for number in ids}


@pytest.fixture
def quick_terminations(monkeypatch):
    monkeypatch.setattr(shared_watch, "_TERMINATING_INTERVAL", 0.01)


async def seen_out(calls, clusters):
    """What is asked of clusters until the watch of a job with a cluster of its own has ended."""
    watch = watch_over(calls)
    watch._control.clusters = clusters
    await wait_for(watch, 1)
    await asyncio.wait_for(watch._task, HANG_SECONDS)
    return clusters.asked


@pytest.mark.usefixtures("quick_terminations")
def test_the_own_cluster_of_a_job_is_seen_out_after_the_last_wait(calls):
    calls.own_clusters = True

    assert asyncio.run(seen_out(calls, EndingClusters(3))) == [set(), {101}, {101}, {101}]


@pytest.mark.usefixtures("quick_terminations")
def test_a_cluster_that_does_not_end_is_left_to_the_cluster_check(calls, monkeypatch):
    calls.own_clusters = True
    monkeypatch.setattr(shared_watch, "_TERMINATING_SECONDS", 0.5)

    asked = asyncio.run(seen_out(calls, EndingClusters(-1)))
    assert len(asked) > 3
    assert asked[1:] == [{101}] * (len(asked) - 1)


@pytest.mark.usefixtures("quick_terminations")
def test_clusters_that_end_are_looked_at_between_two_looks_at_all(calls):
    calls.own_clusters = True

    async def run():
        watch, clusters = watch_over(calls), EndingClusters(4)
        watch._control.clusters = clusters
        slow = asyncio.create_task(wait_for(watch, 99, poll_interval=600))
        await wait_for(watch, 2)
        assert await asyncio.to_thread(wait_until, lambda: not clusters.looks_left)
        slow.cancel()
        return clusters.asked

    assert asyncio.run(run())[-4:] == [{102}] * 4
    assert calls.asked[-3:] == [set()] * 3, "the slow wait was looked at"


@pytest.mark.usefixtures("quick_terminations")
def test_clusters_that_cannot_be_looked_at_fail_no_wait(calls, monkeypatch):
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", 0.0)
    calls.own_clusters = True

    class Silent(EndingClusters):
        def observe(self, ids):
            super().observe(ids)
            if ids:
                raise ConnectionError("the registry does not answer")
            return {}

    async def run():
        watch, clusters = watch_over(calls), Silent(-1)
        watch._control.clusters = clusters
        slow = asyncio.create_task(wait_for(watch, 99, poll_interval=600))
        await wait_for(watch, 2)
        assert await asyncio.to_thread(wait_until, lambda: clusters.asked.count({102}) > 9)
        assert not slow.done(), "looks that were for no wait have counted"
        slow.cancel()

    asyncio.run(run())


def test_a_watch_that_ends_is_an_error_that_its_waits_see_and_another_begins(calls, monkeypatch):
    async def run():
        watch = watch_over(calls)
        monkeypatch.setattr(watch, "_is_needed", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(wait_for(watch, 3), HANG_SECONDS)
        monkeypatch.undo()
        watch._control = watch_over(calls)._control
        return await asyncio.wait_for(wait_for(watch, 3), HANG_SECONDS)

    assert asyncio.run(run())[-1].record.state.is_final
