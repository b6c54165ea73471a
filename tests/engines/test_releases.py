"""Which release a specification means, and what is said of one that is none."""

from __future__ import annotations

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse
from dcluster_provider.engines.releases import (
    default_version,
    find_version,
    is_same_release,
    nearest_release,
    reject_unknown_version,
)


@pytest.mark.parametrize(
    ("cluster_type", "version", "series", "patch"),
    [
        ("spark3", "3.5", "3.5", "3.5.9"),
        ("spark", "3.5.1", "3.5", "3.5.1"),
        ("spark4", "4.1", "4.1", "4.1.4"),
        ("spark4", "4.0.2", "4.0", "4.0.2"),
        ("flink", "1.20", "1.20", "1.20.5"),
        ("flink", "2.0.1", "2.0", "2.0.1"),
    ],
)
def test_a_series_stands_for_its_tested_patch_and_a_patch_for_itself(cluster_type, version, series, patch):
    found = find_version(cluster_type, version)
    assert (found.release.series, found.version) == (series, patch)


def test_each_type_stands_for_the_newest_release_that_is_tested():
    assert [default_version(kind) for kind in ("spark", "spark3", "spark4", "flink")] == [
        "3.5.9",
        "3.5.9",
        "4.3.0",
        "2.3.0",
    ]


@pytest.mark.parametrize(
    ("cluster_type", "version", "told"),
    [
        ("spark3", "4.1", "4.1 is not a release of type 'spark3'; write the type 'spark4'"),
        ("spark4", "3.5.9", "write the type 'spark'"),
        ("spark4", "4.9.0", "(4.0, 4.1, 4.2, 4.3); write '4.3', or set allow_untested_versions"),
        ("spark3", "3.4.1", "(3.5); write '3.5'"),
        ("flink", "1.19.2", "(1.20, 2.0, 2.1, 2.2, 2.3); write '1.20'"),
        ("flink", "3.5.9", "is not among the tested releases of type 'flink'"),
    ],
)
def test_what_is_no_release_of_the_type_is_refused_with_the_nearest(cluster_type, version, told):
    spec = ClusterSpec(tenant="team", type=cluster_type, engine_version=version)
    with pytest.raises(InvalidSpec, match="field engineVersion: ") as refusal:
        reject_unknown_version(spec)
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("version", "as_series"), [("4.9.0", "4.3"), ("4.9", None), ("3.4.1", None), ("5.0.0", None)]
)
def test_an_untested_patch_of_a_known_generation_can_be_allowed(version, as_series):
    found = find_version("spark4", version, allow_untested=True)
    assert (found and found.release.series) == as_series


def test_the_nearest_release_is_the_nearest_by_number():
    assert nearest_release("flink", "1.18.1").series == "1.20"
    assert nearest_release("flink", "2.1.9").series == "2.1"


@pytest.mark.parametrize(
    ("one", "other", "same"), [("4.1", "4.1.2", True), ("4.1.4", "4.0", False), ("4.9.1", "4.9.2", False)]
)
def test_patches_of_one_release_are_the_same_release(one, other, same):
    assert is_same_release("spark4", one, other) is same


@pytest.mark.parametrize("version", ["latest", "4", "4.1-SNAPSHOT", "3.5.9; rm", "v4.1"])
@pytest.mark.parametrize("kind", [ClusterSpec, JobSpec])
def test_what_is_no_version_is_refused_where_it_enters(kind, version):
    fields = {"tenant": "team"} if kind is ClusterSpec else {"client": "team", "module": "etl"}
    with pytest.raises(
        InvalidSpec, match=r"field engineVersion: .* is no version; write a release such as '4.1'"
    ):
        parse(kind, fields | {"engineVersion": version})


def test_a_number_is_refused_because_it_may_have_lost_a_zero():
    with pytest.raises(InvalidSpec, match="field engineVersion"):
        parse(ClusterSpec, {"tenant": "team", "engineVersion": 4.1})


def test_a_job_hands_its_version_to_its_own_cluster():
    spec = JobSpec(client="team", module="etl", job_type="spark4", engine_version="4.1")
    assert (spec.own_cluster().type, spec.own_cluster().engine_version) == ("spark4", "4.1")
