"""What text means where an argument is true or false."""

from __future__ import annotations

import pytest

from dcluster_provider.core.arguments import flag
from dcluster_provider.core.errors import InvalidSpec


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (True, True),
        ("True", True),
        (" yes ", True),
        ("1", True),
        (1, True),
        (False, False),
        ("false", False),
        ("NO", False),
        ("0", False),
        ("", False),
        (None, False),
    ],
)
def test_a_flag_is_read_whatever_a_template_made_of_it(value, meant):
    assert flag("force", value) is meant


@pytest.mark.parametrize(
    ("value", "near"), [("ture", "'true'"), ("flase", "'false'"), ("2", ""), ([True], "")]
)
def test_a_mistyped_flag_is_refused_and_not_taken_for_false(value, near):
    with pytest.raises(InvalidSpec, match=r"field dry_run: .* is neither true nor false") as refused:
        flag("dry_run", value)
    assert near in str(refused.value)
