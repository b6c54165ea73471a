from __future__ import annotations

import pytest

from dcluster_provider.core.places import is_same_place, is_told_better, namespace_place


@pytest.mark.parametrize(
    ("one", "other", "same", "better"),
    [
        ("folder /a", "folder /a", True, False),
        ("folder /a", "folder /b", False, False),
        (namespace_place("data", ""), namespace_place("data", "one"), True, True),
        (namespace_place("data", "one"), namespace_place("data", ""), True, False),
        (namespace_place("data", "one"), namespace_place("data", "two"), False, False),
        (namespace_place("data", "one"), namespace_place("other", "one"), False, False),
        (namespace_place("data", ""), namespace_place("other", ""), False, False),
        ("", namespace_place("data", "one"), False, False),
    ],
)
def test_places_are_the_same_as_far_as_both_tell(one, other, same, better):
    assert (is_same_place(one, other), is_told_better(one, other)) == (same, better)
