"""Whether a Kubernetes cluster is ready for this package, point by point, and what to do where it is not."""

from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.doctor.examination import examine

__all__ = ["Check", "examine"]
