from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.lifetime import Limits, reason_to_end
from dcluster_provider.core.record import Cluster, ClusterState

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
CLUSTER = Cluster(
    id=1,
    name="spark3-dev-team-1",
    key="key",
    generation=1,
    version=1,
    deployment="deployment",
    conn_id="dcluster_default",
    platform="local",
    spec=ClusterSpec(tenant="team"),
    owner=Owner("deployment", "dag", "run", "task"),
    state=ClusterState.RUNNING,
    created_at=BEGIN,
    state_since=BEGIN,
    last_used_at=BEGIN + HOUR,
)
SECOND = timedelta(seconds=1)


def _reason(limits=Limits(), at=BEGIN + HOUR, over=False, **spec):  # noqa: B008 - limits are immutable
    cluster = replace(CLUSTER, spec=ClusterSpec(**{"tenant": "team"} | spec))
    reason = reason_to_end(cluster, limits, over, at)
    return reason.text if reason else None


@pytest.mark.parametrize("spec", [{}, {"long_living": True}])
def test_without_limits_it_lives_for_ever(spec):
    assert _reason(at=BEGIN + 10_000 * HOUR, **spec) is None


def test_it_ends_with_its_owner_run():
    assert _reason(over=True) == "its owner run is over (dag.task of run)"
    assert _reason(over=True, long_living=True) is None


@pytest.mark.parametrize("spec", [{}, {"long_living": True}])
def test_idle_time_counts_from_the_last_job(spec):
    limits = Limits(idle=2 * HOUR)
    assert _reason(limits, BEGIN + 3 * HOUR - SECOND, **spec) is None
    assert _reason(limits, BEGIN + 3 * HOUR, **spec) == "it has been idle for 2:00:00"


def test_what_a_cluster_waited_for_in_its_queue_is_no_idleness():
    unused = replace(CLUSTER, last_used_at=BEGIN, state_since=BEGIN + 5 * HOUR)
    limits = Limits(idle=2 * HOUR)
    assert reason_to_end(unused, limits, False, BEGIN + 7 * HOUR - SECOND) is None
    assert reason_to_end(unused, limits, False, BEGIN + 7 * HOUR).only_unused


@pytest.mark.parametrize("spec", [{}, {"long_living": True}])
def test_lifetime_counts_from_the_launch(spec):
    limits = Limits(lifetime=2 * HOUR)
    assert _reason(limits, BEGIN + 2 * HOUR - SECOND, **spec) is None
    assert _reason(limits, BEGIN + 2 * HOUR, **spec) == "it has reached its maximum lifetime of 2:00:00"


def test_settings_of_the_cluster_come_before_those_of_the_connection():
    limits = Limits(idle=HOUR, lifetime=HOUR)
    own = {"idle_timeout": 7200, "max_lifetime": 7200}
    assert _reason(limits, BEGIN + HOUR, **own) is None
    assert _reason(limits, BEGIN + 2 * HOUR, **own) == "it has reached its maximum lifetime of 2:00:00"
    assert _reason(Limits(), BEGIN + HOUR + SECOND, idle_timeout=1) == "it has been idle for 0:00:01"


def test_only_idleness_is_over_as_soon_as_something_is_at_work():
    limits = Limits(idle=HOUR, lifetime=5 * HOUR)
    assert reason_to_end(CLUSTER, limits, owner_is_over=False, now=BEGIN + 3 * HOUR).only_unused
    assert not reason_to_end(CLUSTER, limits, owner_is_over=False, now=BEGIN + 5 * HOUR).only_unused
    assert not reason_to_end(CLUSTER, limits, owner_is_over=True, now=BEGIN + 3 * HOUR).only_unused
