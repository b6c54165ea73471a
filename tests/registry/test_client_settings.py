from __future__ import annotations

from dcluster_provider.registry.store import ClientSetting, Event


def test_clients_are_monitored_until_somebody_says_otherwise(registry):
    assert registry.client_settings.is_monitored("team")
    assert registry.client_settings.get("team") == ClientSetting("team", monitored=True, alert_after=None)
    registry.client_settings.save("team", monitored=False, alert_after=60)
    assert not registry.client_settings.is_monitored("team")
    assert registry.client_settings.get("team") == ClientSetting("team", monitored=False, alert_after=60)
    registry.client_settings.save("team", monitored=True)
    assert registry.client_settings.get("team") == ClientSetting("team")
    assert registry.client_settings.is_monitored("other")


def test_an_act_is_recorded_as_it_was_told(registry, now):
    event = Event(now, "ann", "ASKED", 1, 2, "dag", "run", "task", "because\nü")
    registry.events.record(event)
    assert registry.events.list() == [event]
    registry.events.record(Event(now, "ann", "ASKED", detail="NUL\0 in a log line"))
    assert registry.events.list(limit=1)[0].detail == "NUL in a log line"


def test_clients_set_by_many_processes_at_once(registry, in_processes):
    in_processes(8, lambda number: registry.client_settings.save("team", monitored=True, alert_after=number))
    assert registry.client_settings.get("team").alert_after in range(8)
