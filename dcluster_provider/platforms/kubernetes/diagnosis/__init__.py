"""Why something on Kubernetes does not work: pods, events and refusals in, an explanation out; no input or output."""

from dcluster_provider.platforms.kubernetes.diagnosis.admission import refused_pods
from dcluster_provider.platforms.kubernetes.diagnosis.disruption import silent_node, taken_away
from dcluster_provider.platforms.kubernetes.diagnosis.ending import (
    ended_pod,
    is_another_since,
    is_out_of_memory,
    restart_evidence,
)
from dcluster_provider.platforms.kubernetes.diagnosis.requests import RequestCode, refused_request
from dcluster_provider.platforms.kubernetes.diagnosis.scheduling import gated
from dcluster_provider.platforms.kubernetes.diagnosis.starting import GracePeriods, broken_pod

__all__ = [
    "GracePeriods",
    "RequestCode",
    "broken_pod",
    "ended_pod",
    "gated",
    "is_another_since",
    "is_out_of_memory",
    "refused_pods",
    "refused_request",
    "restart_evidence",
    "silent_node",
    "taken_away",
]
