"""Why a pod or another object is refused by what watches over a namespace: quota, Pod Security, webhooks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import CodeTrait, DiagnosisCode
from dcluster_provider.platforms.kubernetes.api.quantity import amount
from dcluster_provider.platforms.kubernetes.diagnosis.grace_periods import GracePeriods
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    event_lines,
    sentence,
    short,
)
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent


class AdmissionCode(DiagnosisCode):
    """Why what watches over a namespace refuses a pod or another object."""

    LIMIT_RANGE_EXCEEDED = "LimitRangeExceeded", "A LimitRange forbids what was asked for."
    PODS_REFUSED = "PodsRefused", "Pods are refused for another reason."
    POD_SECURITY = "PodSecurity", "The Pod Security level of the namespace forbids a pod."
    POLICY_DENIED = "PolicyDenied", "An admission policy denies an object."
    PRIORITY_CLASS_MISSING = "PriorityClassMissing", "There is no such priority class."
    QUOTA_EXCEEDED = "QuotaExceeded", "The quota of the namespace is used up.", CodeTrait.SHORTAGE
    QUOTA_NEEDS_MORE = "QuotaNeedsMore", "A quota wants every pod to specify something that it does not."
    SERVICE_ACCOUNT_MISSING = "ServiceAccountMissing", "The namespace has no such service account."
    WEBHOOK_DENIED = "WebhookDenied", "An admission webhook denies an object."
    WEBHOOK_UNREACHABLE = "WebhookUnreachable", "An admission webhook does not answer."


_QUOTA_SECONDS = 20.0  # others may be about to end; a person should learn soon that they do not
_ACCOUNT_SECONDS = 10.0  # a service account may be made a moment after what uses it
_POD = re.compile(r'(?:[Pp]ods? "[^"]*")')
_MUST = re.compile(r" \([^()]* must [^()]*\)")
_QUOTA = re.compile(r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+?)\.?$")

_Explained = tuple[DiagnosisCode, str, str]
_SIGNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], _Explained]], ...] = (
    (
        _QUOTA,
        lambda found, namespace: (
            AdmissionCode.QUOTA_EXCEEDED,
            f"the quota {found[1]} of namespace {namespace} is used up: {_quota(found)}.",
            "End clusters that are not needed, ask for less, or have the quota raised.",
        ),
    ),
    (
        re.compile(r"failed quota: ([^:]+): must specify (.+)"),
        lambda found, namespace: (
            AdmissionCode.QUOTA_NEEDS_MORE,
            f"the quota {found[1]} of namespace {namespace} wants every pod to specify {found[2].rstrip('.')}.",
            f"Give the containers what it wants in {POD_TEMPLATE}, or have a LimitRange fill it in.",
        ),
    ),
    (
        re.compile(r"((?:maximum|minimum) \w+ (?:usage|limit) .+)"),
        lambda found, namespace: (
            AdmissionCode.LIMIT_RANGE_EXCEEDED,
            f"a LimitRange of namespace {namespace} forbids it: {sentence(found[1])}",
            "Ask for an amount that it allows, or have the LimitRange changed.",
        ),
    ),
    (
        re.compile(r'violates PodSecurity "([^"]+)": (.+)'),
        lambda found, namespace: (
            AdmissionCode.POD_SECURITY,
            f'the Pod Security level "{found[1]}" of namespace {namespace} forbids {sentence(_MUST.sub("", found[2]))}',
            f"Remove from {POD_TEMPLATE} what it forbids, or choose a namespace of a lower level.",
        ),
    ),
    (
        re.compile(r'serviceaccount "([^"]+)" not found'),
        lambda found, namespace: (
            AdmissionCode.SERVICE_ACCOUNT_MISSING,
            f"namespace {namespace} has no service account {found[1]}.",
            "Make it (airflow dcluster rbac prints a manifest), or correct the connection's service accounts.",
        ),
    ),
    (
        re.compile(r'admission webhook "([^"]+)" denied the request:? ?(.*)'),
        lambda found, _: (
            AdmissionCode.WEBHOOK_DENIED,
            f"the admission webhook {found[1]} denies it: {sentence(found[2] or 'it gives no reason')}",
            f"Change what it complains of (often in {POD_TEMPLATE}), or ask who runs the webhook.",
        ),
    ),
    (
        re.compile(r'failed calling webhook "([^"]+)": (.+)'),
        lambda found, _: (
            AdmissionCode.WEBHOOK_UNREACHABLE,
            f"the admission webhook {found[1]} does not answer: {sentence(found[2])}",
            "Have whoever runs the webhook repair it; until then nothing can be made in this namespace.",
        ),
    ),
    (
        re.compile(r"ValidatingAdmissionPolicy '([^']+)' .*denied request: (.+)"),
        lambda found, _: (
            AdmissionCode.POLICY_DENIED,
            f"the admission policy {found[1]} denies it: {sentence(found[2])}",
            f"Change what it complains of (often in {POD_TEMPLATE}), or ask who wrote the policy.",
        ),
    ),
    (
        re.compile(r"no PriorityClass with name (\S+) was found"),
        lambda found, _: (
            AdmissionCode.PRIORITY_CLASS_MISSING,
            f"there is no priority class {found[1]}.",
            f"Correct priorityClassName in {POD_TEMPLATE}.",
        ),
    ),
)


def refused_pods(
    events: Iterable[KubernetesEvent], now: datetime | None = None, grace_periods: GracePeriods | None = None
) -> Diagnosis | None:
    """Why controllers cannot make pods that are missing; none while they may.

    To be asked only while pods are missing: an event stays for an hour after its cause has gone.

    :param events: of the cluster or job; only FailedCreate of a ReplicaSet, StatefulSet or Job is looked at.
    :param grace_periods: a full quota is waited for a little, a webhook that does not answer like a volume; without
        them and ``now`` nothing is waited for.
    """
    failed = sorted(
        (event for event in events if event.reason == "FailedCreate" and event.kind != "Pod"),
        key=lambda event: event.last_at,
    )
    if not failed:
        return None
    last = failed[-1]
    code, cause, remedy = explain_refusal(last.message, last.namespace) or (
        AdmissionCode.PODS_REFUSED,
        sentence(last.message),
        "Correct what the evidence names, then run the task again.",
    )
    if (
        now
        and grace_periods
        and (now - last.first_at).total_seconds() < _bearable(code, last.message, grace_periods)
    ):
        return None
    cause = f"Pods of the {last.kind} {last.name} are refused: {cause}"
    return Diagnosis(code, cause, remedy, event_lines(_distinct(failed)))


def _distinct(events: Iterable[KubernetesEvent]) -> list[KubernetesEvent]:
    """The last of the events that differ in nothing but the name of the pod that was not made."""
    return list({_POD.sub("", event.message): event for event in events}.values())


def explain_refusal(message: str, namespace: str) -> _Explained | None:
    """Code, cause and remedy of a refusal by what watches over a namespace; none when it is no such refusal."""
    line = " ".join(message.split())
    for pattern, explain in _SIGNS:
        found = pattern.search(line)
        if found:
            return explain(found, namespace)
    return None


def _bearable(code: DiagnosisCode, message: str, grace_periods: GracePeriods) -> float:
    """Seconds for which a refusal may pass by itself."""
    if code == AdmissionCode.QUOTA_EXCEEDED:
        return 0.0 if _never_fits(message) else min(_QUOTA_SECONDS, grace_periods.unschedulable)
    if code == AdmissionCode.WEBHOOK_UNREACHABLE:
        return grace_periods.mount
    return _ACCOUNT_SECONDS if code == AdmissionCode.SERVICE_ACCOUNT_MISSING else 0.0


def _quota(found: re.Match[str]) -> str:
    """What was asked for, used and allowed, resource by resource."""
    requested, used, limited = (_amounts(found[group]) for group in (2, 3, 4))
    return short(
        ", ".join(
            f"{name} {asked} asked for, {used.get(name, '?')} of {limited.get(name, '?')} used"
            for name, asked in requested.items()
        )
    )


def _never_fits(message: str) -> bool:
    """Whether one pod alone asks for more than a quota allows in all."""
    found = _QUOTA.search(" ".join(message.split()))
    if found is None:
        return False
    limited = _amounts(found[4])
    return any(
        name in limited and amount(asked) > amount(limited[name])
        for name, asked in _amounts(found[2]).items()
    )


def _amounts(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)
