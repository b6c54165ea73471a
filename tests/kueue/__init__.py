"""A real Kueue, built from its Go module, which admits what waits on a testbed."""

from kueue.running import Kueue, running_kueue

__all__ = ["Kueue", "running_kueue"]
