"""The Airflow task instance as the owner of what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.epochs import Try
from dcluster_provider.core.identity import Owner

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dcluster_provider.hooks.dcluster import DClusterHook

_RUNNING_STATES = ("running", "deferred")


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
    attempt = Try(
        number=ti.try_number,
        max_tries=ti.max_tries or 0,
        retries=context["task"].retries or 0,
        run_clears=getattr(context.get("dag_run"), "clear_number", 0) or 0,
    )
    return hook.control.registry.in_epoch(owner, attempt)


def is_still_going(owner: Owner, *, if_unknown: bool = False) -> bool:
    """Whether Airflow counts the task as running or deferred, so that its work must be left alone.

    :param if_unknown: the answer when the state cannot be read. For a task that is being killed it is no: what it
        asked for costs money.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        states = RuntimeTaskInstance.get_task_states(
            dag_id=owner.dag_id,
            task_ids=[owner.task_id],
            run_ids=[owner.run_id],
            map_index=owner.map_index if owner.map_index >= 0 else None,
        )
    except Exception:  # noqa: BLE001  # whatever it is, the state is unknown
        return if_unknown
    return any(state in _RUNNING_STATES for state in states.get(owner.run_id, {}).values())
