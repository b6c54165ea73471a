from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods, refused_pods, refused_request
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
PATIENCE = GracePeriods(unschedulable=300, mount=120)


def _failed_create(
    message: str, seconds: float = 1000, kind: str = "ReplicaSet", reason: str = "FailedCreate"
) -> KubernetesEvent:
    at = NOW - timedelta(seconds=seconds)
    return KubernetesEvent(kind, "data", "flights-worker-7d9f", "u", True, reason, message, 3, at, NOW)


QUOTA = (
    'Error creating: pods "flights-worker-7d9f-x2" is forbidden: exceeded quota: small, requested: '
    "limits.memory=2Gi,pods=1, used: limits.memory=3Gi,pods=3, limited: limits.memory=4Gi,pods=10"
)


def test_a_quota_is_named_with_what_was_asked_for_used_and_allowed():
    found = refused_pods([_failed_create(QUOTA)], NOW, PATIENCE)
    assert found is not None
    assert found.code == "QuotaExceeded"
    assert "the quota small of namespace data" in found.cause
    assert "limits.memory 2Gi asked for, 3Gi of 4Gi used" in found.cause
    assert found.evidence


def test_a_full_quota_is_waited_for_a_little():
    assert refused_pods([_failed_create(QUOTA, seconds=19)], NOW, PATIENCE) is None
    assert refused_pods([_failed_create(QUOTA, seconds=21)], NOW, PATIENCE) is not None
    assert refused_pods([_failed_create(QUOTA, seconds=0)]) is not None, (
        "nothing is waited for without grace_periods"
    )


@pytest.mark.parametrize(
    ("asked", "limit", "told"),
    [
        ("5Gi", "4Gi", True),
        ("4096Mi", "4Gi", False),
        ("5000M", "4Gi", True),
        ("1500m", "1", True),
        ("500m", "1", False),
    ],
)
def test_what_never_fits_into_a_quota_is_told_at_once(asked, limit, told):
    message = f"exceeded quota: q, requested: r={asked}, used: r=0, limited: r={limit}"
    assert (refused_pods([_failed_create(message, seconds=0)], NOW, PATIENCE) is not None) is told


def test_nothing_is_told_of_events_of_another_reason_or_of_pods():
    others = [_failed_create(QUOTA, reason="SuccessfulCreate"), _failed_create(QUOTA, kind="Pod")]
    assert refused_pods(others, NOW, PATIENCE) is None


def test_the_latest_refusal_decides():
    earlier = _failed_create('pods "x" is forbidden: no PriorityClass with name high was found')
    later = KubernetesEvent(
        "Job", "data", "j", "u", True, "FailedCreate", "so it is", 1, NOW, NOW + timedelta(seconds=1)
    )
    found = refused_pods([later, earlier], NOW, PATIENCE)
    assert found is not None
    assert (found.code, found.cause) == ("PodsRefused", "Pods of the Job j are refused: so it is.")


def _refused(status: int, message: str, *causes: tuple[str, str], overlay: dict | None = None):
    refusal = ApiRefused(status, "Reason", message, causes)
    return refused_request(refusal, "the Deployment flights-worker", "data", overlay)


FIELD = "spec.template.spec.containers[0].resources.limits"


def test_an_invalid_field_is_named():
    found = _refused(422, "is invalid", (f"{FIELD}[cpu]", "must be greater than 0"))
    assert found.code == "Invalid"
    assert f"{FIELD}[cpu]: must be greater than 0" in found.cause


@pytest.mark.parametrize(
    ("overlay", "reason"),
    [
        (
            {"spec": {"containers": [{"name": "engine", "resources": {"limits": {"cpu": "-1"}}}]}},
            "InvalidPodTemplate",
        ),
        ({"spec": {"containers": [{"name": "engine", "resources": {"requests": {"cpu": "1"}}}]}}, "Invalid"),
        ({"spec": {"nodeSelector": {"a": "b"}}}, "Invalid"),
        (None, "Invalid"),
    ],
)
def test_a_mistake_in_the_pod_template_is_said_to_be_there(overlay, reason):
    found = _refused(422, "is invalid", (FIELD, "wrong"), overlay=overlay)
    assert found.code == reason
    assert ("pod_template" in found.cause) is (reason == "InvalidPodTemplate")


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (404, "the server could not find the requested resource", "NotServed"),
        (409, "the object has been modified", "Conflict"),
        (413, "Request entity too large", "TooLarge"),
        (418, "a teapot", "ApiRequestRefused"),
    ],
)
def test_other_refusals_are_told_with_what_was_said(status, message, reason):
    found = _refused(status, message)
    assert found.code == reason
    assert found.cause.startswith("The API server refused the Deployment flights-worker in namespace data: ")
    assert message in found.evidence[0]
