"""A real Kubernetes for tests: ``with running_testbed() as testbed``."""

from testbed.choice import TestbedUnavailable, running_testbed
from testbed.testbed import Testbed

__all__ = ["Testbed", "TestbedUnavailable", "running_testbed"]
