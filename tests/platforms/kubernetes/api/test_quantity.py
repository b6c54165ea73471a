from __future__ import annotations

from decimal import Decimal

import pytest

from dcluster_provider.platforms.kubernetes.api.quantity import amount, is_quantity


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
