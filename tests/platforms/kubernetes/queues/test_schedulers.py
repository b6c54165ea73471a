"""What YuniKorn and Volcano are told of a cluster."""

from __future__ import annotations

import json

from kubernetes_platform import make_cluster

from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.queues.pod_sets import pod_sets
from dcluster_provider.platforms.kubernetes.queues.schedulers import pod_group, with_volcano, with_yunikorn
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark.manifests import standalone

PLACE = Place("data", "uid-1")


def templates(cluster):
    manifests = standalone(KubernetesSettings(), cluster, PLACE)
    return [each["spec"]["template"] for each in manifests if each["kind"] == "Deployment"]


def test_yunikorn_places_a_group_for_each_role():
    cluster = make_cluster(workers=3, single_job=True, priority_class_name="day")
    sets = pod_sets(KubernetesSettings(), cluster)
    master, worker = templates(with_yunikorn(cluster, "root.team", sets))
    for template, role in ((master, "master"), (worker, "worker")):
        assert template["spec"]["schedulerName"] == "yunikorn"
        assert template["spec"]["priorityClassName"] == "day"
        assert template["metadata"]["labels"]["yunikorn.apache.org/app-id"] == cluster.name
        assert template["metadata"]["labels"]["yunikorn.apache.org/queue"] == "root.team"
        assert template["metadata"]["annotations"]["yunikorn.apache.org/task-group-name"] == role
    groups = json.loads(worker["metadata"]["annotations"]["yunikorn.apache.org/task-groups"])
    assert [(each["name"], each["minMember"]) for each in groups] == [
        ("master", 1),
        ("worker", 3),
        ("driver", 1),
    ]
    requested = worker["spec"]["containers"][0]["resources"]["requests"]
    assert groups[1]["minResource"]["cpu"] == requested["cpu"]


def test_volcano_starts_master_and_workers_together_when_there_is_room_for_the_driver_too():
    cluster = make_cluster(workers=3, single_job=True, priority_class_name="day")
    group = pod_group(cluster, PLACE, "team", pod_sets(KubernetesSettings(), cluster))
    assert (group["spec"]["minMember"], group["spec"]["queue"]) == (4, "team")
    assert group["spec"]["priorityClassName"] == "day"
    assert group["spec"]["minResources"]["cpu"] == "5"
    for template in templates(with_volcano(cluster)):
        assert template["spec"]["schedulerName"] == "volcano"
        assert (
            template["metadata"]["annotations"]["scheduling.k8s.io/group-name"] == group["metadata"]["name"]
        )


def test_volcano_waits_for_no_more_pods_than_an_elastic_cluster_begins_with():
    cluster = make_cluster(min_workers=2, max_workers=5)
    spec = pod_group(cluster, PLACE, "team", pod_sets(KubernetesSettings(), cluster))["spec"]
    assert (spec["minMember"], spec["minResources"]["cpu"]) == (3, "6")


def test_a_template_of_the_specifications_own_stays_beside_the_scheduler():
    cluster = make_cluster(kubernetes={"podTemplate": {"spec": {"hostAliases": []}}})
    for template in templates(with_volcano(cluster)):
        assert (template["spec"]["schedulerName"], template["spec"]["hostAliases"]) == ("volcano", [])


def test_a_scheduler_that_the_specification_names_stays():
    cluster = make_cluster(kubernetes={"podTemplate": {"spec": {"schedulerName": "mine"}}})
    assert {each["spec"]["schedulerName"] for each in templates(with_volcano(cluster))} == {"mine"}
