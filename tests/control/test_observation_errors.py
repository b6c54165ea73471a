"""What cannot be seen, remembered by several threads at once."""

from __future__ import annotations

from dcluster_provider.control.observation_errors import ObservationErrors
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.observation import ObservationError

SILENT = ObservationError(PlatformUnavailable("nobody answers"), is_refused=False)


class Shared(dict):
    """The memory as a thread finds it beside which another one looks: it grows while it is gone through."""

    def items(self):
        for number, unobservable in super().items():
            self[number + 1000] = unobservable
            yield number, unobservable


def test_what_another_thread_hides_meanwhile_is_kept_and_fails_no_look():
    observation_errors = ObservationErrors("job")
    observation_errors._unobservable = Shared()
    assert observation_errors.without_errors({1: SILENT, 2: SILENT, 3: "seen"}) == {3: "seen"}
    observation_errors._unobservable[4] = observation_errors._unobservable[1]
    assert observation_errors.without_errors({1: "seen"}) == {1: "seen"}
    assert observation_errors.unobservable(1) is None
    assert all(str(observation_errors.unobservable(number).why) == "nobody answers" for number in (2, 4))


def test_what_nobody_looks_at_any_more_is_forgotten(monkeypatch):
    from dcluster_provider.control import observation_errors as module

    observation_errors = ObservationErrors("job")
    observation_errors.without_errors({1: SILENT})
    monkeypatch.setattr(module, "_KEPT_SECONDS", 0)
    observation_errors.without_errors({2: "seen"})
    assert observation_errors.unobservable(1) is None
