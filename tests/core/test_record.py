"""Records: how their states are named."""

from __future__ import annotations

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import ClusterState, JobState, parse_states


@pytest.mark.parametrize("kind", [ClusterState, JobState])
@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: it.value, lambda it: it.value.lower()])
def test_a_state_is_taken_as_it_is_or_by_its_name(kind, wrap):
    assert [parse_states(kind, wrap(state)) for state in kind] == [(state,) for state in kind]
    assert parse_states(kind, [wrap(state) for state in kind]) == tuple(kind)


def test_a_state_of_another_kind_is_rejected():
    with pytest.raises(InvalidSpec, match="field state: there is no state"):
        parse_states(ClusterState, JobState.SUCCEEDED)
