from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core import identity
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import (
    Attempt,
    Epoch,
    Owner,
    cluster_name,
    derived_key,
    dns_label,
    flink_job_id,
    fresh_key,
    is_more_precise,
    is_same_location,
    namespace_location,
)
from dcluster_provider.core.spec import parse

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
AT = datetime(2024, 1, 31, 23, 59, 58, 7000, tzinfo=timezone.utc)
OWNER = Owner("deployment", "dag", "run", "task", 3, 1)
DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
TYPES = st.sampled_from(["spark", "spark3", "flink"])
SUFFIXES = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?)?", fullmatch=True)
MOMENTS = st.integers(0, 4_102_444_800_000_000).map(lambda number: EPOCH + timedelta(microseconds=number))
FIRST = Epoch(number=1, max_tries=2, run_clears=0)


@given(TYPES, st.text(max_size=300), st.text(min_size=1, max_size=300), MOMENTS, SUFFIXES)
def test_names_are_dns_labels_whatever_goes_into_them(kind, env, tenant, at, suffix):
    name = cluster_name(kind, env, tenant, at, suffix)
    assert DNS_LABEL.fullmatch(name), name
    assert len(name) <= 52
    assert name.startswith(f"{kind}-")
    assert name.endswith(suffix)
    assert at.strftime("%Y%m%d%H%M%S") in name


@given(st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=2, unique=True), SUFFIXES)
def test_tenants_that_do_not_fit_keep_different_names(tenants, suffix):
    """Only tenants that differ in nothing but what a name cannot hold may share one at the same millisecond."""
    names = [cluster_name("spark3", "dev", tenant, AT, suffix) for tenant in tenants]
    plain = [dns_label(tenant, 300) for tenant in tenants]
    assert (names[0] != names[1]) or plain[0] == plain[1]


@given(st.lists(MOMENTS, min_size=2, max_size=2))
def test_names_of_different_milliseconds_differ(moments):
    first, second = (cluster_name("flink", "dev", "team", at) for at in moments)
    assert (first != second) == (_milliseconds(moments[0]) != _milliseconds(moments[1]))


def _milliseconds(at):
    return at.replace(microsecond=at.microsecond // 1000)


def test_names_are_those_of_the_api():
    assert cluster_name("spark3", "dev", "my-team", AT) == "spark3-dev-my-team-20240131235958007"
    assert cluster_name("flink", "dev", "My Team", AT, "blue") == "flink-dev-my-team-20240131235958007-blue"
    assert cluster_name("spark", "", "team", AT) == "spark-team-20240131235958007"
    assert cluster_name("spark", "dev", "../../etc", AT) == "spark-dev-etc-20240131235958007"
    assert re.fullmatch(r"spark-dev-[0-9a-f]{6}-\d{17}", cluster_name("spark", "dev", "数据团队", AT))
    assert re.fullmatch(r"spark-dev-x+-[0-9a-f]{6}-\d{17}", cluster_name("spark", "dev", "x" * 253, AT))


@given(st.text(max_size=24))
def test_every_accepted_suffix_ends_a_name(suffix):
    try:
        spec = parse(ClusterSpec, {"tenant": "team", "clusterSuffix": suffix})
    except InvalidSpec:
        return
    name = cluster_name("spark3", "environment", "x" * 253, AT, spec.cluster_suffix)
    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= 52


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_labels_are_valid_whatever_goes_into_them(dag, run, task):
    labels = identity.labels("deployment", "registry", 7, "name", "key", Owner("deployment", dag, run, task))
    assert set(labels) == {
        f"dcluster.io/{part}"
        for part in ("deployment", "registry", "cluster-id", "cluster-name", "key", "dag", "run", "task")
    }
    for value in labels.values():
        assert len(value) <= 63
        assert LABEL_VALUE.fullmatch(value)


def test_labels_without_an_owner():
    assert "dcluster.io/dag" not in identity.labels("deployment", "registry", 7, "name", "key", None)


@given(st.lists(st.text(max_size=100), min_size=2, max_size=2, unique=True))
def test_different_label_values_stay_different(texts):
    assert identity.label_value(texts[0]) != identity.label_value(texts[1])


@pytest.mark.parametrize("field", [field.name for field in fields(Owner)])
def test_key_depends_on_every_part_of_the_owner(field):
    value = getattr(OWNER, field)
    other = replace(OWNER, **{field: f"{value}x" if isinstance(value, str) else value + 1})
    assert other.key != OWNER.key
    assert re.fullmatch(r"[0-9a-f]{32}", OWNER.key)


def test_key_is_the_same_in_every_process():
    assert (
        Owner("deployment", "dag", "run", "task", 3, 1).key == OWNER.key == "20b4ef1e5bbf0cc9cb985112f723ea5b"
    )


def test_parts_of_the_owner_are_not_run_together():
    assert Owner("d", "ab", "c", "t").key != Owner("d", "a", "bc", "t").key


def test_keys_of_other_requests():
    assert derived_key("a", "b") == derived_key("a", "b") != derived_key("a", "c")
    assert derived_key("a", "b") != "a"
    assert len({fresh_key() for _ in range(1000)}) == 1000
    assert flink_job_id("a", 1) != flink_job_id("a", 2)
    assert re.fullmatch(r"[0-9a-f]{32}", flink_job_id("a", 1))


def test_owner_is_told_in_words():
    assert str(OWNER) == "dag.task[3] of run"
    assert str(replace(OWNER, map_index=-1)) == "dag.task of run"
    assert Owner(**OWNER.as_json()) == OWNER


def test_name_taken_moves_on_by_a_millisecond():
    later = AT + timedelta(milliseconds=1)
    assert cluster_name("spark", "dev", "team", AT) < cluster_name("spark", "dev", "team", later)


@pytest.mark.parametrize(
    ("attempt", "goes_on"),
    [
        (Attempt(1, 2, 2), True),
        (Attempt(1, 2, 2, run_clears=1), True),  # deferred, while another task of the run was cleared
        (Attempt(2, 2, 2), True),
        (Attempt(2, 2, 1), True),  # deployed with other retries
        (Attempt(2, 2, 5), True),
        (Attempt(3, 2, 2), True),
        (Attempt(4, 2, 2), True),  # the scheduler died, and its heir starts what it had begun
        (Attempt(2, 2, 2, run_clears=1), True),  # of another task
        (Attempt(2, 3, 2), False),
        (Attempt(2, 1, 0), False),  # fewer retries, then a clear
        (Attempt(2, 2, 1, run_clears=1), False),
        (Attempt(4, 2, 2, run_clears=1), False),  # cleared while it ran, and lost
    ],
)
def test_which_tries_no_clear_lies_between(attempt, goes_on):
    assert attempt.goes_on_with(FIRST) == goes_on


@pytest.mark.parametrize(
    ("one", "other", "same", "better"),
    [
        ("folder /a", "folder /a", True, False),
        ("folder /a", "folder /b", False, False),
        (namespace_location("data", ""), namespace_location("data", "one"), True, True),
        (namespace_location("data", "one"), namespace_location("data", ""), True, False),
        (namespace_location("data", "one"), namespace_location("data", "two"), False, False),
        (namespace_location("data", "one"), namespace_location("other", "one"), False, False),
        (namespace_location("data", ""), namespace_location("other", ""), False, False),
        ("", namespace_location("data", "one"), False, False),
    ],
)
def test_places_are_the_same_as_far_as_both_tell(one, other, same, better):
    assert (is_same_location(one, other), is_more_precise(one, other)) == (same, better)
