"""Masters that were started anew: what they knew is lost."""

from __future__ import annotations

from datetime import datetime

from dcluster_provider.platforms.kubernetes.pod import Pod


def runs_since_after(pod: Pod | None, moment: datetime | None) -> bool:
    """Whether the process of a pod's engine began after a moment; not so when either is not known."""
    engine = pod.engine if pod else None
    if moment is None or engine is None or engine.running_since is None:
        return False
    return engine.running_since > moment


def restart_evidence(pod: Pod) -> tuple[str, ...]:
    """Since when the engine of a pod runs, and how it ended before."""
    engine = pod.engine
    assert engine is not None
    evidence = [f"pod {pod.name} runs since {engine.running_since}, {engine.restarts} restarts"]
    if engine.restarts:
        last = f"{engine.last_exit_reason or 'unknown'} (exit code {engine.last_exit_code})"
        evidence += [f"it ended before: {last}", *engine.last_exit_message.splitlines()[-6:]]
    return tuple(evidence)
