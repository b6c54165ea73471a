"""Masters that were started anew: what they knew is lost."""

from __future__ import annotations

from datetime import datetime

from dcluster_provider.engines.evidence import last_words
from dcluster_provider.platforms.kubernetes.pods.pod import Pod


def is_another_since(pod: Pod | None, moment: datetime | None) -> bool:
    """Whether the engine of a pod is another than the one that was at work at a moment.

    What tells is the end of the one before it: a first engine may well have begun later than what works with it.

    :returns: false when either is not known.
    """
    engine = pod.engine if pod else None
    if pod is None or engine is None or engine.running_since is None or moment is None:
        return False
    came = pod.created_at  # it stands in for another pod, or came with all others
    if engine.restarts:
        came = engine.last_finished_at or engine.running_since
    return came >= moment.replace(microsecond=0)  # Kubernetes tells times in whole seconds


def restart_evidence(pod: Pod) -> tuple[str, ...]:
    """Since when the engine of a pod runs, and how it ended before."""
    engine = pod.engine
    assert engine is not None
    evidence = [f"pod {pod.name} runs since {engine.running_since}, {engine.restarts} restarts"]
    if engine.restarts:
        last = f"{engine.last_exit_reason or 'unknown'} (exit code {engine.last_exit_code})"
        evidence += [f"it ended before: {last}", *last_words(engine.last_exit_message.splitlines())[-6:]]
    return tuple(evidence)
