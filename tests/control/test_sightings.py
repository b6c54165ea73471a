"""What cannot be seen, remembered by several threads at once."""

from __future__ import annotations

from dcluster_provider.control.sightings import Sightings
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.observation import Unseen

SILENT = Unseen(PlatformUnavailable("nobody answers"), is_refused=False)


class Shared(dict):
    """The memory as a thread finds it beside which another one looks: it grows while it is gone through."""

    def items(self):
        for number, hidden in super().items():
            self[number + 1000] = hidden
            yield number, hidden


def test_what_another_thread_hides_meanwhile_is_kept_and_fails_no_look():
    sightings = Sightings("job")
    sightings._hidden = Shared()
    assert sightings.seen({1: SILENT, 2: SILENT, 3: "seen"}) == {3: "seen"}
    sightings._hidden[4] = sightings._hidden[1]
    assert sightings.seen({1: "seen"}) == {1: "seen"}
    assert sightings.hidden(1) is None
    assert all(str(sightings.hidden(number).why) == "nobody answers" for number in (2, 4))


def test_what_nobody_looks_at_any_more_is_forgotten(monkeypatch):
    from dcluster_provider.control import sightings as module

    sightings = Sightings("job")
    sightings.seen({1: SILENT})
    monkeypatch.setattr(module, "_KEPT_SECONDS", 0)
    sightings.seen({2: "seen"})
    assert sightings.hidden(1) is None
