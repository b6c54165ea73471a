"""The base of operators that own what they request, and end it when their task does not succeed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from dcluster_provider.core.arguments import reject_unknown_arguments
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.hooks.secrets import mask_secrets

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dcluster_provider.core.identity import Owner
    from dcluster_provider.core.record import Cluster, Job
    from dcluster_provider.hooks.dcluster import DClusterHook
    from dcluster_provider.triggers.owned import OwnedTrigger

Result = TypeVar("Result")

# A deferral outlives its trigger's own deadline by this much, so that the trigger reports first.
_DEFERRAL_GRACE = timedelta(seconds=60)


class TaskKilled(BaseException):
    """Airflow has ended the task although its process still runs."""


class DClusterOperator(BaseOperator):
    """Base of the operators: arguments, hook, owner, and what happens when the task is killed or fails.

    :param dcluster_conn_id: id of the connection; the default one need not exist.
    :param deferrable: wait in the triggerer instead of on a worker; Airflow's ``[operators] default_deferrable``
        unless given.
    :param poll_interval: seconds, or a timedelta, between two polls.
    """

    ui_color = "#e6f0fa"

    def __init__(
        self,
        *,
        dcluster_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool | None = None,
        poll_interval: float | timedelta = 5.0,
        **kwargs: Any,
    ) -> None:
        reject_unknown_arguments(type(self), kwargs)
        super().__init__(**kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.dcluster_conn_id = dcluster_conn_id
        self.deferrable = deferrable
        self.poll_interval = in_seconds(self.task_id, "poll_interval", poll_interval)
        self._in_execution = False

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        # Both tasks and mapped tasks are rendered by this method. Airflow stores and shows what was rendered, and knows
        # secrets by fewer names and not within JSON text.
        super()._do_render_template_fields(*args, **kwargs)
        mask_secrets({name: getattr(self, name, None)} for name in self.template_fields)

    @cached_property
    def hook(self) -> DClusterHook:
        """The hook of the operator's connection, created at its first use."""
        from dcluster_provider.hooks.dcluster import DClusterHook

        return DClusterHook(self.dcluster_conn_id)

    def task_owner(self, context: Context) -> Owner:
        """The task instance as the owner of what it requests."""
        from dcluster_provider.hooks.owner import owner_of

        return owner_of(context, self.hook)

    def end_own(self, owner: Owner, why: str) -> None:
        """End what the task has requested, however far that got; operators that own nothing do nothing."""

    def on_kill(self) -> None:
        """Called by Airflow on SIGTERM, at any line of the task, and after an execution timeout.

        A signal handler must not use the registry, whose transaction it may have interrupted; so the stack is unwound
        first and :func:`ends_own_when_killed` does the rest.
        """
        if self._in_execution:
            raise TaskKilled

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; a failed one ends what the task requested, unless a retry will adopt it."""
        from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout

        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self.end_own(self.task_owner(context), "its time is up")
            raise
        except TaskDeferralError:
            if not will_retry(context):
                self.end_own(self.task_owner(context), "its wait failed")
            raise

    def deadline_of(self, context: Context, seconds: float | None) -> float | None:
        """The Unix time at which a wait gives up, by its own timeout or the task's execution timeout."""
        ends = []
        if seconds is not None:
            ends.append(time.time() + seconds)
        started = context["ti"].start_date
        if self.execution_timeout is not None and started is not None:
            ends.append((started + self.execution_timeout).timestamp())
        return min(ends) if ends else None

    def defer_to(self, trigger: OwnedTrigger, method_name: str, owner: Owner | None = None) -> NoReturn:
        """Defer the task, with a deferral timeout behind the trigger's own deadline.

        :param owner: the task, if it owns what it waits for. Airflow notifies neither process nor trigger of a person
            who ended the task just before it defers, so its state is read once more.
        """
        from dcluster_provider.hooks.owner import is_still_going

        if owner is not None and not is_still_going(owner, if_unknown=True):
            raise TaskKilled
        timeout = None
        if trigger.deadline is not None:
            timeout = timedelta(seconds=max(1.0, trigger.deadline - time.time())) + _DEFERRAL_GRACE
        self.defer(trigger=trigger, method_name=method_name, timeout=timeout)

    def log_change(self, before: Cluster | Job | None, after: Cluster | Job) -> None:
        """Log a change of state, or why there is no progress."""
        from dcluster_provider.triggers.task_log import describe_change, is_news

        if is_news(before, after):
            self.log.info(describe_change(before, after))

    def log_lines(self, event: dict[str, Any]) -> None:
        """Log the lines of the trigger's last poll, which it left to the task."""
        for line in event["lines"]:
            self.log.info("%s", line)


def ends_own_when_killed(method: Callable[..., Result]) -> Callable[..., Result]:
    """Make an operator's execute method end what the task requested on each way out but success and deferral.

    Killed by a person or a timeout: it is ended. Killed because the worker shuts down or lost its heartbeat, or failed
    with a retry to come: it is left for the retry to adopt. Failed for good: it is ended.
    """

    @wraps(method)
    def execute(self: DClusterOperator, context: Context, *args: Any, **kwargs: Any) -> Result:
        from airflow.sdk.exceptions import (
            AirflowFailException,
            AirflowTaskTerminated,
            AirflowTaskTimeout,
        )

        from dcluster_provider.core.errors import ClusterFailed, InvalidSpec, JobFailed, NotFound, WaitTimeout
        from dcluster_provider.hooks.owner import will_be_retried
        from dcluster_provider.operators.arguments import in_python_names

        self._in_execution = True
        try:
            return method(self, context, *args, **kwargs)
        except TaskKilled:
            self._in_execution = False
            if will_be_retried(context["ti"]):
                self.log.warning(
                    "SIGTERM, although nobody ended the task: the worker shuts down, or Airflow has given up this "
                    "attempt; another one adopts what it started"
                )
                raise SystemExit(143) from None
            owner = self.task_owner(context)
            self.end_own(owner, "a person ended the task")
            raise AirflowTaskTerminated(f"{owner} was ended while it was running") from None
        except (InvalidSpec, NotFound) as error:
            raise AirflowFailException(in_python_names(self, str(error))) from error
        except (AirflowTaskTimeout, WaitTimeout):
            self._in_execution = False
            self.end_own(self.task_owner(context), "its time is up")
            raise
        except (ClusterFailed, JobFailed):
            raise
        except Exception:  # it is raised again
            self._in_execution = False
            if not will_retry(context):
                self.end_own(self.task_owner(context), "the task failed")
            raise
        finally:
            self._in_execution = False

    return execute


def in_seconds(task_id: str, name: str, length: float | timedelta) -> float:
    """A duration in seconds, from a number of seconds or a timedelta.

    :param task_id: the task, for the error.
    :param name: the argument, for the error.
    :raises ValueError: the duration is not positive.
    """
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds <= 0:
        raise ValueError(
            f"{task_id}: {name}: {length!r} is not a number of seconds above 0, nor such a timedelta"
        )
    return seconds


def will_retry(context: Context) -> bool:
    """Whether Airflow retries the task if it fails now."""
    ti = context["ti"]
    return ti.try_number <= (ti.max_tries or 0)


def states_named(states: Sequence[Any]) -> list[str]:
    """The names of states, as a trigger serializes them."""
    return [getattr(state, "value", state) for state in states]
