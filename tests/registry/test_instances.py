from __future__ import annotations

from datetime import timedelta

import pytest

from dcluster_provider.core.errors import NotFound
from dcluster_provider.registry.store import Instance, MachineMark, Scope

DAY = timedelta(days=1)
LISTING = "dcluster_default ec2 eu-west-1"


def test_an_instance_is_remembered_as_it_told_last_with_what_changed(registry, now):
    registry.instances.record("i-1", {"type": "m5.large", "tags": ["ü"]}, now)
    assert registry.instances.get("i-1") == Instance(
        "i-1", {"type": "m5.large", "tags": ["ü"]}, now, changed_at=now
    )
    registry.instances.record("i-1", {"type": "m5.xlarge", "spot": None}, now + DAY)
    changes = {"type": ["m5.large", "m5.xlarge"], "tags": [["ü"], None]}
    # A field that is null, and was not there before, is no change.
    kept = {"type": "m5.xlarge", "spot": None}
    assert registry.instances.get("i-1") == Instance(
        "i-1", kept, now + DAY, changed_at=now + DAY, changes=changes
    )
    registry.instances.record("i-1", kept, now + 2 * DAY)
    again = registry.instances.get("i-1")
    assert (again.recorded_at, again.changed_at, again.changes) == (now + 2 * DAY, now + DAY, changes)
    with pytest.raises(NotFound, match="i-2"):
        registry.instances.get("i-2")


def test_a_listing_tells_of_changes_of_the_gone_and_of_those_that_come_back(registry, now):
    described = {f"i-{number}": {"state": "running", "number": number} for number in range(1203)}
    registry.instances.record_many(LISTING, described, now)
    assert registry.instances.record_gone(LISTING, now, now) == 0
    described["i-7"] = {"state": "stopped", "number": 7}
    del described["i-1202"]
    registry.instances.record_many(LISTING, described, now + DAY)
    assert registry.instances.record_gone(LISTING, now + DAY, now + DAY + timedelta(seconds=3)) == 1
    assert registry.instances.get("i-7").changes == {"state": ["running", "stopped"]}
    assert registry.instances.get("i-8").changed_at == now
    gone = registry.instances.get("i-1202")
    assert (gone.gone_at, gone.recorded_at) == (now + DAY + timedelta(seconds=3), now)
    assert registry.instances.record_gone(LISTING, now + DAY, now + 2 * DAY) == 0
    registry.instances.record_many(LISTING, {"i-1202": {"state": "running", "number": 1202}}, now + 3 * DAY)
    back = registry.instances.get("i-1202")
    assert (back.gone_at, back.recorded_at, back.changed_at) == (None, now + 3 * DAY, now)


def test_a_listing_ends_nothing_that_another_one_told_of(registry, now):
    registry.instances.record_many(LISTING, {"i-1": {}}, now)
    registry.instances.record_many("dcluster_default ec2 eu-west-2", {"i-2": {}}, now)
    registry.instances.record("i-3", {}, now)
    assert registry.instances.record_gone(LISTING, now + DAY, now + DAY) == 1
    assert [registry.instances.get(f"i-{number}").gone_at for number in (1, 2, 3)] == [now + DAY, None, None]


def test_instances_recorded_by_many_processes_at_once(registry, now, in_processes):
    def record(number):
        if number % 2:
            registry.instances.record(f"i-{number}", {"by": number}, now)
        registry.instances.record_many(LISTING, {f"i-{other}": {"by": number} for other in range(8)}, now)

    in_processes(6, record)
    assert len({registry.instances.get(f"i-{number}").info["by"] for number in range(8)}) == 1


def test_machines_are_unused_since_they_were_first_seen_so(registry, now):
    scope, other = Scope("airflow", "one"), Scope("airflow", "two")
    ids = [f"i-{number}" for number in range(1100)]
    registry.machines.replace_all(scope, dict.fromkeys(ids, MachineMark(unused_since=now)))
    registry.machines.replace_all(other, {"i-0": MachineMark(was_node=True)})
    later = dict.fromkeys([*ids[1:-1], "i-new"], MachineMark(unused_since=now + DAY))
    registry.machines.replace_all(scope, later | {"i-0": MachineMark(was_node=True)})
    expected = dict.fromkeys(ids[1:-1], MachineMark(unused_since=now))
    expected |= {"i-new": MachineMark(unused_since=now + DAY), "i-0": MachineMark(was_node=True)}
    assert registry.machines.list(scope) == expected
    # What was a node once stays known as one, whoever did not see it.
    registry.machines.replace_all(scope, {"i-0": MachineMark(unused_since=now + DAY)})
    assert registry.machines.list(scope) == {"i-0": MachineMark(was_node=True, unused_since=now + DAY)}
    registry.machines.replace_all(scope, {})
    assert registry.machines.list(scope) == {}
    assert registry.machines.list(other) == {"i-0": MachineMark(was_node=True)}


def test_machines_marked_by_many_processes_at_once(registry, now, in_processes):
    scope = Scope("airflow", "one")
    marks = {f"i-{number}": MachineMark(unused_since=now) for number in range(20)}
    in_processes(6, lambda number: registry.machines.replace_all(scope, marks))
    assert registry.machines.list(scope) == marks
