from __future__ import annotations

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.sizing import GIB
from dcluster_provider.platforms.local.checks import machine_memory, too_large


def spec(**fields):
    return ClusterSpec(tenant="team", **fields)


def test_a_cluster_larger_than_the_machine_is_told_with_the_numbers():
    told = too_large(spec(worker_memory="900Gi"), 24 * GIB)
    assert "asks for 901.0 GiB of memory (1 worker of 900Gi, a master of 1Gi)" in told
    assert "this machine has 24.0 GiB" in told
    assert "3 workers of 8g" in too_large(spec(workers=3, worker_memory="8g"), 24 * GIB)


@pytest.mark.parametrize("fields", [{"workers": 23, "worker_memory": "1Gi"}, {"worker_memory": "512Mi"}])
def test_one_that_fits_is_not(fields):
    assert too_large(spec(**fields), 24 * GIB) is None


def test_the_memory_of_a_container_is_its_limit(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("dcluster_provider.platforms.local.checks._LIMIT_OF_CONTAINER", limit)
    whole = machine_memory()
    limit.write_text("max\n")
    assert machine_memory() == whole
    limit.write_text(f"{64 * 2**20}\n")
    assert machine_memory() == 64 * 2**20
