from __future__ import annotations

from decimal import Decimal

import pytest

from dcluster_provider.platforms.kubernetes.quantity import amount


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
