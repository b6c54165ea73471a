from __future__ import annotations

from datetime import timedelta

import pytest

from dcluster_provider.core.errors import NotFound
from dcluster_provider.registry.store import ClientSetting, Event, Instance


def test_clients_are_monitored_until_somebody_says_otherwise(registry):
    assert registry.is_monitored("team")
    assert registry.client_setting("team") == ClientSetting("team", monitored=True, alert_after=None)
    registry.set_client_setting("team", monitored=False, alert_after=60)
    assert not registry.is_monitored("team")
    assert registry.client_setting("team") == ClientSetting("team", monitored=False, alert_after=60)
    registry.set_client_setting("team", monitored=True)
    assert registry.client_setting("team") == ClientSetting("team")
    assert registry.is_monitored("other")


def test_an_instance_is_remembered_as_it_told_last(registry, now):
    registry.record_instance("i-1", {"type": "m5.large", "tags": ["ü"]}, now)
    registry.record_instance("i-1", {"type": "m5.xlarge", "spot": None}, now + timedelta(days=1))
    expected = Instance("i-1", {"type": "m5.xlarge", "spot": None}, now + timedelta(days=1))
    assert registry.get_instance("i-1") == expected
    with pytest.raises(NotFound, match="i-2"):
        registry.get_instance("i-2")


def test_an_act_is_recorded_as_it_was_told(registry, now):
    event = Event(now, "ann", "ASKED", 1, 2, "dag", "run", "task", "because\nü")
    registry.record_event(event)
    assert registry.list_events() == [event]
    registry.record_event(Event(now, "ann", "ASKED", detail="NUL\0 in a log line"))
    assert registry.list_events(limit=1)[0].detail == "NUL in a log line"


def test_clients_set_by_many_processes_at_once(registry, in_processes):
    in_processes(8, lambda number: registry.set_client_setting("team", monitored=True, alert_after=number))
    assert registry.client_setting("team").alert_after in range(8)
