from __future__ import annotations

import pytest

from dcluster_provider.core.epochs import Attempt, Epoch

FIRST = Epoch(number=1, max_tries=2, run_clears=0)


@pytest.mark.parametrize(
    ("attempt", "goes_on"),
    [
        (Attempt(1, 2, 2), True),
        (Attempt(1, 2, 2, run_clears=1), True),  # deferred, while another task of the run was cleared
        (Attempt(2, 2, 2), True),
        (Attempt(2, 2, 1), True),  # deployed with other retries
        (Attempt(2, 2, 5), True),
        (Attempt(3, 2, 2), True),
        (Attempt(4, 2, 2), True),  # the scheduler died, and its heir starts what it had begun
        (Attempt(2, 2, 2, run_clears=1), True),  # of another task
        (Attempt(2, 3, 2), False),
        (Attempt(2, 1, 0), False),  # fewer retries, then a clear
        (Attempt(2, 2, 1, run_clears=1), False),
        (Attempt(4, 2, 2, run_clears=1), False),  # cleared while it ran, and lost
    ],
)
def test_which_tries_no_clear_lies_between(attempt, goes_on):
    assert attempt.goes_on_with(FIRST) == goes_on
