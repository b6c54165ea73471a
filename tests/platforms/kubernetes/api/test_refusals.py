"""What an answer of the API server means, by its status, its reason, or where there is only prose, by that."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field

import pytest

from dcluster_provider.core.errors import CredentialsRefused
from dcluster_provider.platforms.kubernetes.api.refusals import (
    NAMESPACE_TERMINATING,
    ApiRefused,
    ApiUnavailable,
    refusal_of,
)


@dataclass
class Answer:
    """What urllib3 hands over of an answer."""

    status: int
    body: io.BytesIO
    reason: str = "Word"
    headers: dict[str, str] = field(default_factory=dict)

    def read(self):
        return self.body.read()


def meaning(status, message, *causes, reason="InternalError"):
    told = {"kind": "Status", "reason": reason, "message": message, "details": {"causes": list(causes)}}
    return refusal_of(Answer(status, io.BytesIO(json.dumps(told).encode())))


@pytest.mark.parametrize(
    ("status", "message", "kind", "seen_as"),
    [
        (500, "failed to create typed patch object (a/b): .x: field not declared in schema", ApiRefused, 422),
        (500, "failed to convert new object (a/b): quantities must match", ApiRefused, 422),
        (500, "This pod has more than one PodDisruptionBudget, which is not supported", ApiRefused, 500),
        (500, "etcdserver: leader changed", ApiUnavailable, None),
        (429, "too many requests, try again later", ApiUnavailable, None),
        (403, 'pods is forbidden: User "system:anonymous" cannot list', CredentialsRefused, None),
        (403, 'pods is forbidden: User "airflow" cannot list', ApiRefused, 403),
        (401, "Unauthorized", CredentialsRefused, None),
    ],
)
def test_answers_are_told_apart(status, message, kind, seen_as):
    found = meaning(status, message)
    assert type(found) is kind
    assert getattr(found, "status", None) == seen_as


def test_a_budget_that_forbids_an_eviction_is_no_word_about_the_server():
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods"}
    found = meaning(429, "Cannot evict pod as it would violate the pod's disruption budget.", cause)
    assert isinstance(found, ApiRefused)
    assert found.causes == (("", cause["message"]),)


def test_a_namespace_that_is_being_deleted_is_known_by_the_kind_of_the_cause():
    cause = {"reason": NAMESPACE_TERMINATING, "field": "metadata.namespace", "message": "it is going"}
    found = meaning(403, "whatever it says", cause, reason="Forbidden")
    assert found.kinds == {NAMESPACE_TERMINATING}
