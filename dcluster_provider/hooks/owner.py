"""The Airflow task instance as the owner of what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.core.identity import Attempt, Owner

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dcluster_provider.hooks.dcluster import DClusterHook

_GOING_STATES: frozenset[str | None] = frozenset({"running", "deferred", "up_for_retry"})
# What becomes of a running task that loses its worker or its scheduler: another try follows, or runs already. One
# without a state has just lost its scheduler, or was cleared after that; a clear moves the epoch, and the try that
# follows ends the work. A task that is cleared while it runs is restarting, and has to end its work itself: if its
# worker is lost as well, Airflow makes a mere retry of it.
_LEFT_STATES = _GOING_STATES | {None, "scheduled", "queued", "up_for_reschedule"}
# What becomes of a deferred task whose trigger is dropped though nobody has ended the task. Another triggerer has it by
# now (deferred), or had it and the task resumes (scheduled, queued, running). dag.test() sets it queued and waits in a
# process of its own, while a triggerer that is at work has found the trigger too. A task that was cleared is here as
# well once the scheduler has seen it; its next try ends what the earlier epoch has.
_RESUMED_STATES = _GOING_STATES | {"scheduled", "queued"}


def owner_of(context: Context, hook: DClusterHook) -> Owner:
    """The owner that a task's context means, in the epoch of this try."""
    ti = context["ti"]
    owner = Owner(
        deployment=hook.settings.deployment,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
    )
    attempt = Attempt(
        number=ti.try_number,
        max_tries=ti.max_tries or 0,
        retries=context["task"].retries or 0,
        run_clears=getattr(context.get("dag_run"), "clear_number", 0) or 0,
    )
    return hook.control.registry.epochs.assign(owner, attempt)


def is_still_going(owner: Owner, *, if_unknown: bool = False) -> bool:
    """Whether the task runs, is deferred or waits for a retry, so that its work must be left alone.

    A deferred task that waits for its next try in another state was cleared.

    :param if_unknown: the answer when the state cannot be read. For a task that is being killed it is no: what it
        asked for costs money.
    """
    states = _states_of(owner)
    return if_unknown if states is None else not _GOING_STATES.isdisjoint(states)


def state_if_ended(owner: Owner) -> str | None:
    """How a deferred task was ended, when the trigger that waited for it is dropped; none when nobody has ended it.

    :returns: Airflow's name of its state; ``cleared`` when it has none by now, ``gone`` when there is no such task any
        more, ``unknown`` when the state cannot be read: what the task asked for costs money.
    """
    states = _states_of(owner)
    if states is None:
        return "unknown"
    if not states:
        return "gone"
    if not _RESUMED_STATES.isdisjoint(states):
        return None
    state = states.pop()
    return "cleared" if state is None else str(getattr(state, "value", state))


def will_be_retried(ti: Any) -> bool:
    """Whether a try that is being killed leaves its work to another: nobody has ended the task.

    Not so when the state cannot be read, as it may be a person's doing, and what the task asked for costs money.
    """
    return not _LEFT_STATES.isdisjoint(_states_of(ti) or ())


def _states_of(task: Any) -> set[str | None] | None:
    """The states of a task, an owner or a task instance: one, or none when it is gone; nothing if it cannot be read."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    index = task.map_index
    try:
        states = RuntimeTaskInstance.get_task_states(
            dag_id=task.dag_id,
            task_ids=[task.task_id],
            run_ids=[task.run_id],
            map_index=index if index is not None and index >= 0 else None,
        )
    except Exception:  # noqa: BLE001  # whatever it is, the state is unknown
        return None
    return set(states.get(task.run_id, {}).values())
