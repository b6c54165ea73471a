"""Why something on Kubernetes does not work: pods, events and refusals in, an explanation out; no input or output."""

from dcluster_provider.platforms.kubernetes.diagnosis.ending import ended_pod
from dcluster_provider.platforms.kubernetes.diagnosis.patience import Patience
from dcluster_provider.platforms.kubernetes.diagnosis.refusals import refused_pods
from dcluster_provider.platforms.kubernetes.diagnosis.requests import FORBIDDEN, refused_request
from dcluster_provider.platforms.kubernetes.diagnosis.starting import broken_pod

__all__ = ["FORBIDDEN", "Patience", "broken_pod", "ended_pod", "refused_pods", "refused_request"]
