"""The ids of nodes as a list, a template or a person writes them."""

from __future__ import annotations

import pytest

from dcluster_provider.core.arguments import listed


@pytest.mark.parametrize(
    "given",
    [
        ["i-1", "i-2"],
        ("i-1", "i-2"),
        "i-1,i-2",
        " i-1 , i-2, ",
        "['i-1', 'i-2']",
        '["i-1", "i-2"]',
    ],
)
def test_ids_are_read_however_they_are_written(given):
    assert listed("node_ids", given) == ["i-1", "i-2"]


@pytest.mark.parametrize("nothing", ["", "[]", [], " , "])
def test_nothing_stays_nothing_to_be_refused_later(nothing):
    assert listed("node_ids", nothing) == []
