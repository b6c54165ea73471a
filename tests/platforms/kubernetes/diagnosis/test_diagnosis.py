"""The diagnoses of what a Kubernetes 1.34 told of pods and events, each provoked and recorded from a real cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis import (
    GracePeriods,
    broken_pod,
    ended_pod,
    gated,
    refused_pods,
    refused_request,
)
from dcluster_provider.platforms.kubernetes.diagnosis.scheduling import scheduling_causes
from dcluster_provider.platforms.kubernetes.pods.pod import read_event, read_pod

_FOLDER = Path(__file__).parent / "recorded"
IMAGES, PODS, REFUSALS, REQUESTS = (
    json.loads((_FOLDER / f"{name}.json").read_text()) for name in ("images", "pods", "refusals", "requests")
)
PATIENCE = GracePeriods(unschedulable=300, mount=100)
NEVER = 100_000


def _read(recorded):
    return read_pod(recorded["pod"]), [read_event(event) for event in recorded.get("events", ())]


def _broken(recorded, seconds, *, events=True):
    pod, told = _read(recorded)
    now = (pod.started_at or pod.unschedulable_since or pod.created_at) + timedelta(seconds=seconds)
    return broken_pod(pod, now, PATIENCE, told if events else ())


# By what was recorded: after how many seconds it is told and not before, the reason, and words of cause and remedy.
BROKEN = {
    "image_never": (
        0,
        "ImageNotOnNode",
        "apache/spark:nope is not on its node",
        "spark3_image of the connection",
    ),
    "image_invalid": (0, "InvalidImageName", "'Apache/Spark:3.5.9'", "spark3_image"),
    "image_absent_err": (0, "ImageNotFound", "localhost:5555/absent:1 does not exist", "spark3_image"),
    "image_absent_backoff": (0, "ImageNotFound", "does not exist", "spark3_image"),
    "image_auth_err": (0, "ImageAccessDenied", "may not be pulled, or does not exist", "image_pull_secrets"),
    "image_token_err": (0, "ImageAccessDenied", "denies access", "image_pull_secrets"),
    "image_forbidden_err": (0, "ImageAccessDenied", "denies access", "image_pull_secrets"),
    "image_arm_err": (0, "ImageForOtherMachines", "for the processor or system", "node_selector"),
    "image_nohost_backoff": (
        20,
        "RegistryUnreachable",
        "registry.invalid/spark:3.5.9 cannot be reached",
        "nodes",
    ),
    "image_busy_backoff": (100, "ImagePullFailed", "does not answer as it should", "reach the registry"),
    "image_limited_err": (100, "ImagePullFailed", "does not answer as it should", "reach the registry"),
    "image_refused_backoff": (100, "ImagePullFailed", "does not answer as it should", "reach the registry"),
    "config_secret": (10, "ReferenceMissing", "the secret nope", "pod_template"),
    "config_key": (10, "ReferenceMissing", "the Secret data/there has no key nokey", "Add the key"),
    "config_root": (10, "ImageRunsAsRoot", "who may be root", "runAsUser"),
    "start_error_waiting": (10, "ContainerCannotStart", 'exec: "/opt/nope/spark"', "spark3_image"),
    "start_error_loop": (0, "ContainerCannotStart", 'exec: "/opt/nope/spark"', "spark3_image"),
    "crash_python": (0, "PythonException", "ValueError: no flights in 2013", "Correct the application"),
    "crash_plain": (
        0,
        "CrashLoopBackOff",
        "with exit code 3",
        "kubectl logs --previous crash-plain -c engine",
    ),
    "init_loop": (0, "CrashLoopBackOff", "init container fetch, ends again and again", "-c fetch"),
    "oom_worker": (0, "OOMKilled", "more memory than its limit", "Raise workerMemory"),
    "unsched_cpu": (300, "Unschedulable", "1 Insufficient cpu, 1 Insufficient memory", "workerCpu"),
    "unsched_selector": (300, "Unschedulable", "node affinity/selector", "node_selector"),
    "unsched_pvc": (300, "VolumePending", "unbound immediate PersistentVolumeClaims", "storage_class"),
    "unsched_ephemeral": (300, "VolumePending", '"nope" not found', "storage_class"),
    "mount_secret": (
        100,
        "FailedMount",
        "the secret nope does not exist",
        "kubectl describe pod mount-secret",
    ),
    "image_nohost_err": (NEVER, "", "", ""),
    "crash_first": (NEVER, "", "", ""),
    "running": (NEVER, "", "", ""),
}
ENDED = {
    "failed_python": ("PythonException", "ValueError: no flights in 2013", "Correct the application"),
    "failed_init": ("ExitCode", "in its container fetch, ended with exit code 4", "Read its log"),
    "start_error_never": ("ContainerCannotStart", 'exec: "/opt/nope/spark"', "dockerImageName of the job"),
    "oom_driver": ("OOMKilled", "more memory than its limit", "Raise driverMemGb"),
    "killed": ("KilledBySignal", "signal 9", "raise driverMemGb"),
    "java_oom": ("OutOfMemory", "its Java ran out of memory (Java heap space)", "driverMemGb"),
    "deleted": ("PodDeleted", "was deleted before it ended", "Find out who deleted it"),
    "deadline": ("DeadlineExceeded", "longer than it was allowed", "activeDeadlineSeconds"),
    "evicted_emptydir": ("Evicted", 'EmptyDir volume "d" exceeds the limit "1Mi"', "pod_template"),
    "evicted_storage": ("Evicted", "exceeds the total limit of containers 2Mi", "pod_template"),
    "evicted_api": ("EvictedByRequest", "was evicted by somebody's request", "node_selector"),
    "preempted": ("Preempted", "a pod of higher priority", "priorityClassName"),
    "node_gone": ("NodeLost", "was lost with its node, which is no more (node gone-1)", "spot node"),
    "node_tainted": ("NodeTainted", "its node was given a taint", "kubectl describe node"),
    "out_of_cpu": ("NodeOutOfResources", "too little cpu left (node testbed-node)", "workerCpu"),
}
# Told of a pod that is over by whoever asks what is broken, too: what happened to it from outside.
FROM_OUTSIDE = {
    "deadline",
    "evicted_emptydir",
    "evicted_storage",
    "evicted_api",
    "preempted",
    "out_of_cpu",
    "node_gone",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_come_up(name):
    seconds, reason, cause, remedy = BROKEN[name]
    recorded = IMAGES.get(name) or PODS[name]
    if seconds:
        assert _broken(recorded, seconds - 0.1) is None, "it may still come up"
    if seconds == NEVER:
        return
    found = _broken(recorded, seconds)
    assert found is not None
    assert found.code == reason
    assert cause in found.cause
    assert found.cause.startswith(f"The Spark worker {recorded['pod']['metadata']['name']}")
    assert remedy in found.remedy
    assert found.evidence


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "mount_secret"])
def test_the_same_is_told_without_events(name):
    recorded = IMAGES.get(name) or PODS[name]
    seconds, reason, *_ = BROKEN[name]
    found = _broken(recorded, seconds, events=False) if seconds != NEVER else None
    assert (found.code if found else "") == reason


def test_a_gated_pod_is_never_broken_and_its_time_without_a_node_begins_when_it_is_tried():
    recorded = json.loads(json.dumps(PODS["unsched_cpu"]))
    recorded["pod"]["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
    assert _broken(recorded, NEVER) is None
    pod, events = _read(recorded)
    found = gated(pod)
    assert (found.code, "kueue.x-k8s.io/admission" in found.cause) == ("SchedulingGated", True)
    # Let through after an hour: its condition is as old as it is itself, and the scheduler has tried it just now.
    tried = pod.created_at + timedelta(hours=1)
    events = [replace(each, first_at=tried, last_at=tried) for each in events]
    free = replace(pod, gates=())
    assert gated(free) is None
    seen = free.after(pod, tried).after(free.after(pod, tried), tried + timedelta(seconds=9))
    assert seen.let_through_at == tried
    assert broken_pod(seen, tried + timedelta(seconds=299), PATIENCE) is None, "without events, too"
    assert broken_pod(seen, tried + timedelta(seconds=300), PATIENCE).code == "Unschedulable"
    assert broken_pod(free, tried + timedelta(seconds=299), PATIENCE, events) is None
    assert broken_pod(free, tried + timedelta(seconds=300), PATIENCE, events).code == "Unschedulable"


@pytest.mark.parametrize("name", ENDED)
def test_what_has_ended(name):
    reason, cause, remedy = ENDED[name]
    pod, _ = _read(PODS[name])
    found = ended_pod(pod, "The driver of job 17")
    assert found.code == reason
    assert cause in found.cause
    assert found.cause.startswith(f"The driver of job 17 (pod {pod.name})")
    assert remedy in found.remedy
    assert found.evidence


def test_the_cause_is_found_in_the_log_before_the_end_that_kubernetes_keeps():
    pod, _ = _read(PODS["failed_python"])
    chatter = ["26/11/29 10:00:00 INFO ShutdownHookManager: Deleting directory"] * 100
    oom = 'Exception in thread "task-result-getter-0" java.lang.OutOfMemoryError: Java heap space'
    told = replace(
        pod, containers=tuple(replace(each, exit_message="\n".join(chatter)) for each in pod.containers)
    )
    assert ended_pod(told, "The driver").code == "ExitCode"
    found = ended_pod(told, "The driver", [oom, *chatter])
    assert (found.code, found.evidence[1]) == ("OutOfMemory", "java.lang.OutOfMemoryError: Java heap space")


def test_the_log_of_the_engine_says_nothing_of_another_container():
    pod, _ = _read(PODS["failed_init"])
    found = ended_pod(pod, "The driver of job 17", ["ValueError: of the engine"])
    assert found == ended_pod(pod, "The driver of job 17")


@pytest.mark.parametrize("name", ENDED)
def test_a_pod_that_is_over_is_broken_only_by_what_came_from_outside(name):
    found = _broken(PODS[name], 1000)
    assert (found is not None) is (name in FROM_OUTSIDE)
    if found:
        assert found.code == ENDED[name][0]


def test_a_pod_that_did_its_work_or_goes_is_not_broken():
    assert _broken(PODS["succeeded"], 1000) is None
    pod, events = _read(IMAGES["image_never"])
    now = pod.created_at + timedelta(hours=1)
    assert broken_pod(replace(pod, gone_by=pod.created_at), now, PATIENCE, events) is None


def test_a_pod_deleted_before_it_ended_is_said_to_be():
    pod, _ = _read(PODS["running"])
    found = ended_pod(replace(pod, gone_by=pod.created_at), "The driver")
    assert (found.code, found.cause) == (
        "PodDeleted",
        "The driver (pod running) was deleted before it ended.",
    )


def test_events_of_an_earlier_pod_of_the_same_name_do_not_count():
    pod, events = _read(PODS["mount_secret"])
    now = pod.created_at + timedelta(hours=1)
    assert broken_pod(pod, now, PATIENCE, events) is not None
    assert broken_pod(replace(pod, uid="another"), now, PATIENCE, events) is None


@pytest.mark.parametrize(
    ("labels", "words", "field"),
    [
        (
            {"role": "worker", "cluster-name": "a", "cluster-type": "flink"},
            "The Flink TaskManager",
            "flink_image of the connection",
        ),
        (
            {"role": "master", "cluster-name": "a", "cluster-type": "flink"},
            "The Flink JobManager",
            "flink_image of the connection",
        ),
        (
            {"role": "master", "cluster-name": "flink-dev-a", "cluster-type": "spark"},
            "The Spark master",
            "spark_image of the connection",
        ),
        (
            {"role": "driver", "cluster-name": "a", "cluster-type": "spark3", "job-id": "4"},
            "The driver",
            "dockerImageName of the job, or spark3_image of the connection",
        ),
    ],
)
def test_a_pod_is_named_by_what_it_does_and_its_image_by_the_field_it_comes_from(labels, words, field):
    recorded = json.loads(json.dumps(IMAGES["image_absent_err"]))
    recorded["pod"]["metadata"]["labels"] = {f"dcluster.io/{name}": value for name, value in labels.items()}
    found = _broken(recorded, 0)
    assert found is not None
    assert found.cause.startswith(f"{words} image-absent ")
    assert f"Correct {field}" in found.remedy


CREATED = {
    "create_quota": ("QuotaExceeded", "limits.memory 200Gi asked for, 0 of 100Gi used", "quota"),
    "create_quota_specify": ("QuotaNeedsMore", "limits.memory for: engine", "pod_template"),
    "create_account": (
        "ServiceAccountMissing",
        "namespace data has no service account nope",
        "airflow dcluster rbac",
    ),
    "create_priority": ("PriorityClassMissing", "no priority class nope", "priorityClassName"),
    "create_security": (
        "PodSecurity",
        "host namespaces (hostNetwork=true), allowPrivilegeEscalation",
        "pod_template",
    ),
    "create_limitrange": ("LimitRangeExceeded", "maximum memory usage per Container is 1Gi", "LimitRange"),
    "create_webhook_down": ("WebhookUnreachable", "pods.data.example.org does not answer", "webhook"),
    "create_policy": ("PolicyDenied", "images have to come from our registry", "pod_template"),
}


@pytest.mark.parametrize("name", CREATED)
def test_pods_that_are_refused(name):
    reason, cause, remedy = CREATED[name]
    events = [read_event(event) for event in REFUSALS[name]["events"]]
    found = refused_pods(events, events[-1].first_at + timedelta(seconds=200), PATIENCE)
    assert found is not None
    assert found.code == reason
    assert cause in found.cause
    assert found.cause.startswith("Pods of the ReplicaSet create-")
    assert remedy in found.remedy
    assert len(found.evidence) == 1, "what differs in the name of a pod only is told once"


@pytest.mark.parametrize(
    ("name", "seconds"), [("create_account", 10), ("create_webhook_down", 100), ("create_quota", 0)]
)
def test_what_may_pass_is_waited_for(name, seconds):
    events = [read_event(event) for event in REFUSALS[name]["events"]]
    began = events[-1].first_at
    assert refused_pods(events, began + timedelta(seconds=seconds), PATIENCE) is not None
    if seconds:
        assert refused_pods(events, began + timedelta(seconds=seconds - 0.1), PATIENCE) is None


ASKED = {
    "no_namespace": ("NamespaceMissing", "there is no namespace nope", "external_namespace"),
    "terminating": ("NamespaceTerminating", "is being deleted", "Wait"),
    "forbidden_create": ("Forbidden", "system:serviceaccount:data:poor may not create configmaps.", "rbac"),
    "forbidden_apply": (
        "Forbidden",
        "may not patch deployments.apps.",
        "airflow dcluster rbac --namespace data",
    ),
    "forbidden_proxy": ("Forbidden", "may not get services/proxy.", "kubernetes"),
    "quota_object": ("QuotaExceeded", "configmaps 1 asked for, 1 of 1 used", "quota"),
    "invalid_value": ("Invalid", "less than or equal to memory limit of 1Gi", "field"),
    "invalid_quantity": ("Invalid", "quantities must match", "field"),
    "invalid_type": ("Invalid", "spec.template.spec.nodeSelector.a: expected string", "field"),
    "invalid_name": ("Invalid", "metadata.name: Invalid value", "field"),
    "immutable": ("Invalid", "spec.selector: Invalid value", "field"),
    "conflict_version": ("Conflict", "has been modified", "again"),
    "exists": ("Conflict", "already exists", "again"),
    "no_kind": ("NotServed", "knows nothing of the kind", "apps/v1"),
    "too_large": ("TooLarge", "larger than Kubernetes keeps", "image"),
    "too_large2": ("TooLarge", "larger than Kubernetes keeps", "image"),
    "unknown_field_apply": (
        "InvalidPodTemplate",
        "spec.template.spec.nodeSelectr: there is no such field",
        "there",
    ),
    "unknown_field_create": (
        "InvalidPodTemplate",
        "spec.template.spec.nodeSelectr: there is no such field",
        "there",
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_that_are_refused(name):
    reason, cause, remedy = ASKED[name]
    status, word, message, causes = REQUESTS[name]
    kinds = frozenset(kind for _, _, *kinds in causes for kind in kinds)
    refusal = ApiRefused(status, word, message, tuple((field, told) for field, told, *_ in causes), kinds)
    found = refused_request(
        refusal, "cluster 12 (flights)", "data", {"spec": {"nodeSelectr": {"disk": "ssd"}}}
    )
    assert found.code == reason
    assert found.cause.startswith("The API server refused cluster 12 (flights) in namespace data: ")
    assert cause in found.cause
    assert remedy in found.remedy
    assert found.evidence


_AFTER = (
    " no new claims to deallocate, preemption: 0/21 nodes are available: 1 No preemption victims found for incoming "
    "pod, 20 Preemption is not helpful for scheduling."
)


@pytest.mark.parametrize(
    ("message", "causes"),
    [
        (
            "0/21 nodes are available: 1 Insufficient cpu, 20 node(s) had untolerated taint {kwok.x-k8s.io/node: fake}."
            + _AFTER,
            ("1 Insufficient cpu", "20 node(s) had untolerated taint {kwok.x-k8s.io/node: fake}"),
        ),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taint {a: b, c}. preemption: 0/3 nodes are available.",
            ("3 node(s) had untolerated taint {a: b, c}",),
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            ("pod has unbound immediate PersistentVolumeClaims",),
        ),
        ("no nodes available to schedule pods", ("no nodes available to schedule pods",)),
    ],
)
def test_a_schedulers_message_is_taken_apart(message, causes):
    assert scheduling_causes(message) == causes
