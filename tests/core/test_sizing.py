from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import GIB, MIB, amount, cpu_cores, is_quantity, memory_bytes, whole_cores


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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("2", 2),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("2Gi", 2 * 2**30),
        ("5G", 5 * 10**9),
        ("1e3", 1000),
        ("12E", 12 * 10**18),
        ("128Ki", 128 * 1024),
        ("100u", Decimal("0.0001")),
        ("-1", -1),
        ("much", 0),
        ("1i", 0),
    ],
)
def test_amounts(text, number):
    assert amount(text) == number


@pytest.mark.parametrize("value", ["500m", "2", "0.5", "8Gi", "1e3", 2, 0.5])
def test_what_kubernetes_takes_for_a_quantity(value):
    assert is_quantity(value)


@pytest.mark.parametrize("value", ["lots", "8GB", "", "1 Gi", True, None, ["1"]])
def test_what_is_no_quantity(value):
    assert not is_quantity(value)
