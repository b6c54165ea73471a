"""Looks at EC2's listings: over some time, and some however long each takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dcluster_provider.nodes.ec2 import backoff as module
from dcluster_provider.nodes.ec2.backoff import Backoff


@pytest.mark.parametrize(("answer_seconds", "looks"), [(0.0, 14), (1.0, 9), (60.0, 6)])
def test_there_are_looks_until_the_time_is_over_and_some_in_any_case(monkeypatch, answer_seconds, looks):
    now = 0.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now, sleep=pass_))
    seen = []
    for look in Backoff(20.0, 0.2).polls():
        pass_(answer_seconds)
        seen.append(look)
    assert seen == list(range(looks))
