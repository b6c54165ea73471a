from __future__ import annotations

import pytest

from dcluster_provider.core.location import is_more_precise, is_same_location, namespace_location


@pytest.mark.parametrize(
    ("one", "other", "same", "better"),
    [
        ("folder /a", "folder /a", True, False),
        ("folder /a", "folder /b", False, False),
        (namespace_location("data", ""), namespace_location("data", "one"), True, True),
        (namespace_location("data", "one"), namespace_location("data", ""), True, False),
        (namespace_location("data", "one"), namespace_location("data", "two"), False, False),
        (namespace_location("data", "one"), namespace_location("other", "one"), False, False),
        (namespace_location("data", ""), namespace_location("other", ""), False, False),
        ("", namespace_location("data", "one"), False, False),
    ],
)
def test_places_are_the_same_as_far_as_both_tell(one, other, same, better):
    assert (is_same_location(one, other), is_more_precise(one, other)) == (same, better)
