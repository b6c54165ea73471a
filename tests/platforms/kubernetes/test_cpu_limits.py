"""CPU limits: as the connection says, and as a namespace demands."""

from __future__ import annotations

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.cpu_limits import CpuLimits, demands_cpu_limit
from dcluster_provider.platforms.kubernetes.doctor.quota import check_limit_ranges, check_quota
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def quota(used=None, **hard):
    spec = {name.replace("_", "."): amount for name, amount in hard.items()}
    status = {"hard": spec, "used": used or {}}
    return {"metadata": {"name": "small"}, "spec": {"hard": spec}, "status": status}


def limit_range(kind="Container", **parts):
    return {"metadata": {"name": "range"}, "spec": {"limits": [{"type": kind, **parts}]}}


def read(**fields):
    """The settings that a connection's fields mean."""
    return settings_from("c", {"platform": "kubernetes", **fields}).platform_settings


class Namespace:
    """The lists of a namespace that an API server would answer with."""

    def __init__(self, quotas=(), ranges=()):
        self.lists = {"resourcequotas": list(quotas), "limitranges": list(ranges)}
        self.asked = 0

    def list(self, path):
        self.asked += 1
        found = self.lists[path.rsplit("/", 1)[1]]
        if found == ["refused"]:
            raise ApiRefused(403, "Forbidden", "may not")
        return found, ""


@pytest.mark.parametrize(
    ("quotas", "ranges", "demanded"),
    [
        ([], [], False),
        ([quota(requests_cpu="4", limits_memory="8Gi")], [], False),
        ([quota(limits_cpu="4")], [], True),
        ([], [limit_range(default={"memory": "1Gi"})], False),
        ([], [limit_range(default={"cpu": "500m"})], True),
        ([], [limit_range(max={"cpu": "2"})], True),
        ([], [limit_range("Pod", max={"cpu": "2"})], True),
        ([], [limit_range(maxLimitRequestRatio={"cpu": "2"})], True),
        ([], [limit_range("PersistentVolumeClaim", max={"storage": "2Gi"})], False),
    ],
)
def test_a_namespace_demands_a_limit(quotas, ranges, demanded):
    assert demands_cpu_limit(quotas, ranges) is demanded
    found = CpuLimits(KubernetesSettings(), Namespace(quotas, ranges)).settings_in("data")
    assert found.cpu_limit_of("1500m") == ("1500m" if demanded else None)


def test_what_the_connection_says_comes_first_and_a_namespace_is_asked_once():
    api = Namespace([quota(limits_cpu="4")])
    assert CpuLimits(KubernetesSettings(cpu_limit="none"), api).settings_in("data").cpu_limit == "none"
    assert api.asked == 0
    limits = CpuLimits(KubernetesSettings(), api)
    assert limits.settings_in("data") == limits.settings_in("data")
    assert api.asked == 2


def test_what_may_not_be_read_demands_nothing():
    api = Namespace(["refused"], ["refused"])
    assert CpuLimits(KubernetesSettings(), api).settings_in("data").cpu_limit == "none"


@pytest.mark.parametrize(
    ("limit", "request_", "expected"),
    [("none", "1", None), ("request", "1500m", "1500m"), ("2", "1500m", "3000m"), ("1.5", "1", "1500m")],
)
def test_a_container_has(limit, request_, expected):
    assert KubernetesSettings(cpu_limit=limit).cpu_limit_of(request_) == expected


@pytest.mark.parametrize("value", ["0.5", "0", "twice", "-1", "101", "1e2", ""])
def test_what_is_no_limit_is_refused_by_name(value):
    if not value:
        assert read().cpu_limit == ""
        return
    with pytest.raises(InvalidSpec, match=r"field cpu_limit: .* write none, request or a factor"):
        read(cpu_limit=value)


@pytest.mark.parametrize("value", ["none", "request", "1", "2.5", "100", 2])
def test_what_is_one_is_taken(value):
    assert read(cpu_limit=value).cpu_limit == str(value)


def test_the_doctor_counts_the_limits_that_pods_will_have():
    api = Namespace([quota(limits_cpu="1")])
    limited = CpuLimits(KubernetesSettings(), api).settings_in("data")
    found = check_quota(limited, api, "data")
    assert (found.outcome, "limits.cpu of small: 0 of 1 used" in found.found) == ("failed", True)
    assert check_quota(limited, Namespace([quota(limits_cpu="8")]), "data").outcome == "ok"


def test_the_doctor_names_a_quota_that_takes_none_of_the_pods():
    found = check_quota(KubernetesSettings(cpu_limit="none"), Namespace([quota(limits_cpu="8")]), "data")
    assert found.outcome == "failed"
    assert "takes no pod without a CPU limit" in found.found
    assert "cpu_limit" in found.remedy


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"max": {"cpu": "500m"}}, "at most 500m of cpu, and a pod has 1"),
        ({"min": {"memory": "2Gi"}}, "at least 2Gi of memory, and a pod requests 1024Mi"),
        ({"maxLimitRequestRatio": {"cpu": "1"}}, ""),
        ({"max": {"cpu": "4", "memory": "8Gi"}}, ""),
    ],
)
def test_the_doctor_names_a_limit_range_that_does_not_admit_the_pods(parts, told):
    api = Namespace(ranges=[limit_range(**parts)])
    found = check_limit_ranges(CpuLimits(KubernetesSettings(), api).settings_in("data"), api, "data")
    assert found.outcome == ("failed" if told else "ok")
    assert told in found.found
