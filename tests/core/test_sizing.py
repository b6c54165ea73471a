from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import GIB, MIB, cpu_cores, memory_bytes, whole_cores


@pytest.mark.parametrize(
    ("text", "cores", "whole"),
    [
        ("1m", "0.001", 1),
        ("500m", "0.5", 1),
        ("0.5", "0.5", 1),
        ("1", "1", 1),
        ("1001m", "1.001", 2),
        ("2", "2", 2),
        ("2.5", "2.5", 3),
        (" 4 ", "4", 4),
        ("1024", "1024", 1024),
    ],
)
def test_cpu(text, cores, whole):
    assert cpu_cores(text) == Decimal(cores)
    assert whole_cores(text) == whole


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1Mi", MIB),
        ("1024Ki", MIB),
        ("512Mi", 512 * MIB),
        ("8Gi", 8 * GIB),
        ("1.5Gi", 1536 * MIB),
        ("1Ti", 1024 * GIB),
        ("8G", 8 * 10**9),
        ("2000M", 2 * 10**9),
        ("8g", 8 * GIB),
        ("512m", 512 * MIB),
        ("2048k", 2 * MIB),
        ("1048576", MIB),
        (" 8Gi ", 8 * GIB),
    ],
)
def test_memory(text, amount):
    assert memory_bytes(text) == amount


@pytest.mark.parametrize("text", ["8GB", "8gb", "8GiB", "8 Gi", "8 GB", "8 gb", "8gi", "8GI"])
def test_the_nearest_valid_memory_is_named(text):
    with pytest.raises(InvalidSpec, match=r"write 8Gi$"):
        memory_bytes(text)


@given(st.text(max_size=20))
def test_any_text_is_read_as_an_amount_or_refused(text):
    for read in (cpu_cores, memory_bytes):
        with suppress(InvalidSpec):
            assert read(text) > 0
