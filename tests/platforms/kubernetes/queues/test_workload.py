"""What a Workload says for a cluster, and what Kueue's answers in it mean."""

from __future__ import annotations

from datetime import datetime, timezone

from kubernetes_platform import make_cluster

from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.queues.added_fields import joined
from dcluster_provider.platforms.kubernetes.queues.pod_sets import PodSet
from dcluster_provider.platforms.kubernetes.queues.workload import (
    is_admitted,
    placing,
    why_pending,
    with_ready_pods,
    without_reservation,
    workload,
)

NOW = datetime(2026, 12, 1, 4, 5, 6, tzinfo=timezone.utc)
AT, BEFORE = "2026-12-01T04:05:06Z", "2026-12-01T01:00:00Z"
SETS = [PodSet("worker", 2, {"containers": [{"name": "engine"}]})]


def found(*conditions, **status):
    true = [
        {"type": name, "status": value, "reason": reason, "message": message, "lastTransitionTime": BEFORE}
        for name, value, reason, message in conditions
    ]
    return {"metadata": {"generation": 3}, "status": {"conditions": true, **status}}


def by_type(status):
    return {each["type"]: each for each in status["conditions"]}


def test_a_workload_belongs_to_the_root_and_names_its_queue_and_priority():
    cluster = make_cluster(priority_class_name="day")
    made = workload(cluster, Place("data", "uid-1"), "team-a", SETS, 100)
    assert made["metadata"]["name"] == cluster.name
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert made["spec"]["queueName"] == "team-a"
    assert made["spec"]["priority"] == 100
    assert made["spec"]["priorityClassRef"]["name"] == "day"
    (pods,) = made["spec"]["podSets"]
    assert (pods["name"], pods["count"], pods["template"]) == ("worker", 2, {"spec": SETS[0].spec})
    assert "priority" not in workload(make_cluster(), Place("data"), "team-a", SETS, None)["spec"]


def test_it_is_admitted_until_it_is_evicted():
    admitted = ("Admitted", "True", "Admitted", "")
    assert is_admitted(found(admitted))
    assert not is_admitted(found(admitted, ("Evicted", "True", "Preempted", "")))
    assert is_admitted(found(admitted, ("Evicted", "False", "Preempted", "")))
    assert not is_admitted({"metadata": {}})


def test_why_it_waits_is_what_kueue_says_of_its_quota_or_of_a_check():
    assert why_pending({"metadata": {}}) == ""
    assert why_pending(found(("QuotaReserved", "False", "Pending", "no room"))) == "no room"
    checks = [
        {"name": "nodes", "state": "Pending", "message": "asked for 3"},
        {"name": "who", "state": "Pending"},
    ]
    waiting = found(("QuotaReserved", "True", "QuotaReserved", "in queue"), admissionChecks=checks)
    assert why_pending(waiting) == "nodes: asked for 3; who: Pending"


def test_its_flavors_and_checks_say_where_the_pods_of_each_role_run():
    spot = {"spec": {"nodeLabels": {"pool": "spot"}, "tolerations": [{"key": "spot"}]}}
    assigned = [
        {"name": "master", "flavors": {"cpu": "plain", "memory": "plain"}},
        {"name": "worker", "flavors": {"cpu": "spot", "memory": "spot"}},
    ]
    update = {"name": "worker", "annotations": {"consume": "request-1"}, "nodeSelector": {"zone": "a"}}
    status = {"admission": {"podSetAssignments": assigned}, "admissionChecks": [{"podSetUpdates": [update]}]}
    assert placing(found(**status), {"plain": {}, "spot": spot}) == {
        "master": {},
        "worker": {
            "nodeSelector": {"pool": "spot", "zone": "a"},
            "tolerations": [{"key": "spot"}],
            "annotations": {"consume": "request-1"},
        },
    }


def test_what_a_specification_says_itself_counts():
    block = {"nodeSelector": {"pool": "mine"}, "tolerations": [{"key": "a"}]}
    added = {"nodeSelector": {"pool": "theirs", "zone": "b"}, "tolerations": [{"key": "b"}], "labels": None}
    assert joined(block, added) == {
        "nodeSelector": {"pool": "mine", "zone": "b"},
        "tolerations": [{"key": "a"}, {"key": "b"}],
    }


def test_an_evicted_workload_goes_back_to_its_queue():
    evicted = ("Evicted", "True", "AdmissionCheck", "no nodes")
    status = without_reservation(
        found(
            ("QuotaReserved", "True", "QuotaReserved", ""),
            ("Admitted", "False", "NoReservation", ""),
            evicted,
        ),
        NOW,
    )
    assert status["admission"] is None
    conditions = by_type(status)
    assert (conditions["QuotaReserved"]["status"], conditions["QuotaReserved"]["lastTransitionTime"]) == (
        "False",
        AT,
    )
    assert conditions["Admitted"]["lastTransitionTime"] == BEFORE, "it did not change"
    assert (conditions["Requeued"]["status"], conditions["Requeued"]["reason"]) == ("False", "AdmissionCheck")
    assert conditions["Evicted"]["status"] == "True"
    assert (
        by_type(without_reservation(found(("Evicted", "True", "Preempted", "")), NOW))["Requeued"]["status"]
        == "True"
    )


def test_ready_pods_are_told_beside_all_other_conditions():
    conditions = by_type(with_ready_pods(found(("Admitted", "True", "Admitted", "")), NOW))
    assert set(conditions) == {"Admitted", "PodsReady"}
    assert (conditions["PodsReady"]["status"], conditions["PodsReady"]["observedGeneration"]) == ("True", 3)
