"""Why a pod or another object is refused by what watches over a namespace: quota, Pod Security, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dcluster_provider.core.cause_patterns import CausePattern, KnownCause, first_cause, resolve_cause
from dcluster_provider.core.diagnosis import CodeTrait, Diagnosis, DiagnosisCode
from dcluster_provider.core.sizing import amount
from dcluster_provider.platforms.kubernetes.diagnosis.starting import GracePeriods
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    POD_TEMPLATE,
    event_lines,
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
_QUOTA = re.compile(r"exceeded quota: [^,]+, requested: (.+?), used: (.+?), limited: (.+?)\.?$")


@dataclass(frozen=True)
class AdmissionPattern(CausePattern):
    """What a refusal says by which its cause is known; ``namespace`` and ``quota`` are filled in.

    :param verbose: a regular expression for what the message says at too great a length to be repeated.
    """

    verbose: str = ""

    def search(self, text: str, **words: str) -> KnownCause | None:
        """The cause that a message tells by this pattern; none when it does not."""
        return super().search(re.sub(self.verbose, "", text) if self.verbose else text, **words)


_WEBHOOK = f"Change what it complains of (often in {POD_TEMPLATE}), or ask who runs the webhook."
_PATTERNS = (
    AdmissionPattern(
        AdmissionCode.QUOTA_EXCEEDED,
        r"exceeded quota: ([^,]+), requested: .+, used: .+, limited: ",
        "the quota {0} of namespace {namespace} is used up: {quota}.",
        "End clusters that are not needed, ask for less, or have the quota raised.",
    ),
    AdmissionPattern(
        AdmissionCode.QUOTA_NEEDS_MORE,
        r"failed quota: ([^:]+): must specify (.+)",
        "the quota {0} of namespace {namespace} wants every pod to specify {1}.",
        f"Give the containers what it wants in {POD_TEMPLATE}, or have a LimitRange fill it in.",
    ),
    AdmissionPattern(
        AdmissionCode.LIMIT_RANGE_EXCEEDED,
        r"((?:maximum|minimum) \w+ (?:usage|limit) .+)",
        "a LimitRange of namespace {namespace} forbids it: {0}.",
        "Ask for an amount that it allows, or have the LimitRange changed.",
    ),
    AdmissionPattern(
        AdmissionCode.POD_SECURITY,
        r'violates PodSecurity "([^"]+)": (.+)',
        'the Pod Security level "{0}" of namespace {namespace} forbids {1}.',
        f"Remove from {POD_TEMPLATE} what it forbids, or choose a namespace of a lower level.",
        verbose=r" \([^()]* must [^()]*\)",
    ),
    AdmissionPattern(
        AdmissionCode.SERVICE_ACCOUNT_MISSING,
        r'serviceaccount "([^"]+)" not found',
        "namespace {namespace} has no service account {0}.",
        "Make it (airflow dcluster rbac prints a manifest), or correct the connection's service accounts.",
    ),
    AdmissionPattern(
        AdmissionCode.WEBHOOK_DENIED,
        r'admission webhook "([^"]+)" denied the request:? ?(.+)',
        "the admission webhook {0} denies it: {1}.",
        _WEBHOOK,
    ),
    AdmissionPattern(
        AdmissionCode.WEBHOOK_DENIED,
        r'admission webhook "([^"]+)" denied the request',
        "the admission webhook {0} denies it: it gives no reason.",
        _WEBHOOK,
    ),
    AdmissionPattern(
        AdmissionCode.WEBHOOK_UNREACHABLE,
        r'failed calling webhook "([^"]+)": (.+)',
        "the admission webhook {0} does not answer: {1}.",
        "Have whoever runs the webhook repair it; until then nothing can be made in this namespace.",
    ),
    AdmissionPattern(
        AdmissionCode.POLICY_DENIED,
        r"ValidatingAdmissionPolicy '([^']+)' .*denied request: (.+)",
        "the admission policy {0} denies it: {1}.",
        f"Change what it complains of (often in {POD_TEMPLATE}), or ask who wrote the policy.",
    ),
    AdmissionPattern(
        AdmissionCode.PRIORITY_CLASS_MISSING,
        r"no PriorityClass with name (\S+) was found",
        "there is no priority class {0}.",
        f"Correct priorityClassName in {POD_TEMPLATE}.",
    ),
)
_OTHERWISE = AdmissionPattern(
    AdmissionCode.PODS_REFUSED, r"(.*)", "{0}.", "Correct what the evidence names, then run the task again."
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
    known = explain_refusal(last.message, last.namespace) or resolve_cause(
        [_OTHERWISE], " ".join(last.message.split())
    )
    if (
        now
        and grace_periods
        and (now - last.first_at).total_seconds() < _grace_period(known.code, last.message, grace_periods)
    ):
        return None
    subject = f"Pods of the {last.kind} {last.name} are refused: "
    return known.diagnosis(event_lines(_distinct(failed)), subject=subject)


def _distinct(events: Iterable[KubernetesEvent]) -> list[KubernetesEvent]:
    """The last of the events that differ in nothing but the name of the pod that was not made."""
    return list({_POD.sub("", event.message): event for event in events}.values())


def explain_refusal(message: str, namespace: str) -> KnownCause | None:
    """The cause of a refusal by what watches over a namespace; none when it is no such refusal."""
    line = " ".join(message.split())
    return first_cause(_PATTERNS, line, namespace=namespace, quota=_quota(line))


def _grace_period(code: DiagnosisCode, message: str, grace_periods: GracePeriods) -> float:
    """Seconds for which a refusal may pass by itself."""
    if code == AdmissionCode.QUOTA_EXCEEDED:
        return 0.0 if _never_fits(message) else min(_QUOTA_SECONDS, grace_periods.unschedulable)
    if code == AdmissionCode.WEBHOOK_UNREACHABLE:
        return grace_periods.mount
    return _ACCOUNT_SECONDS if code == AdmissionCode.SERVICE_ACCOUNT_MISSING else 0.0


def _quota(line: str) -> str:
    """What was asked for, used and allowed, resource by resource; empty when it is no matter of a quota."""
    found = _QUOTA.search(line)
    if found is None:
        return ""
    requested, used, limited = (_amounts(each) for each in found.groups())
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
    limited = _amounts(found[3])
    return any(
        name in limited and amount(asked) > amount(limited[name])
        for name, asked in _amounts(found[1]).items()
    )


def _amounts(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)
