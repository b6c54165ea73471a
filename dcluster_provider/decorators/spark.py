"""``@task.dcluster_spark``: the body of a function runs as a Spark application."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, _TaskDecorator
from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from dcluster_provider.core.arguments import is_literal
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.spec import parse
from dcluster_provider.decorators.function_call import (
    SESSION,
    check_function,
    named_arguments,
    needed_arguments,
)
from dcluster_provider.operators.arguments import failing_for_good
from dcluster_provider.operators.job import DClusterSubmitJobOperator

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Context, XComArg

    from dcluster_provider.core.identity import Owner

# Arguments that the function replaces, or that it depends on.
_NOT_TAKEN = (
    "application",
    "sql",
    "main_class",
    "args",
    "savepoint",
    "spec",
    "returns_result",
    "wait_for_completion",
)
_DECORATOR = "dcluster_spark"


class DClusterSparkDecoratedOperator(DecoratedOperator, DClusterSubmitJobOperator):
    """Runs a function on a Spark driver; see :func:`dcluster_spark_task`."""

    custom_operator_name = f"@task.{_DECORATOR}"
    template_fields: Sequence[str] = (*DClusterSubmitJobOperator.template_fields, "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for name in _NOT_TAKEN:
            if name in kwargs:
                raise TypeError(
                    f"@task.{_DECORATOR}: {name} cannot be given: the application is the function"
                )
        check_function(python_callable)
        _check_literals(kwargs)
        kwargs = {"client": "{{ dag.dag_id }}", "module": "{{ task.task_id }}", **kwargs}
        super().__init__(
            python_callable=python_callable,
            op_args=[],
            op_kwargs=named_arguments(python_callable, tuple(op_args or ()), op_kwargs or {}),
            **kwargs,
        )
        self.returns_result = True

    def execute(self, context: Context) -> Any:
        """Run the function on a cluster and return its result."""
        with failing_for_good(self):
            owner = self.task_owner(context)
            file = self._file(owner)
            self._write(file, context)
        self.application = str(file)
        return self._returned(DClusterSubmitJobOperator.execute(self, context), owner)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish after the wait in the triggerer; returns the function's result."""
        job_id = DClusterSubmitJobOperator.execute_complete(self, context, event)
        return self._returned(job_id, self.task_owner(context))

    def _file(self, owner: Owner) -> Path:
        return self.hook.settings.home / "functions" / f"{owner.key}.py"

    def _write(self, file: Path, context: Context) -> None:
        from dcluster_provider.decorators.function_call import application_text, check_complete, write_private

        known: Mapping[str, Any] = context
        parameters = inspect.signature(self.python_callable).parameters
        arguments = {name: known[name] for name in parameters if name in known and name != SESSION}
        arguments |= dict(self.op_kwargs)
        check_complete(self.python_callable, arguments)
        write_private(file, application_text(self.python_callable, arguments, _DECORATOR))

    def _returned(self, job_id: int, owner: Owner) -> Any:
        import json

        from airflow.sdk.exceptions import AirflowFailException

        job = self.hook.jobs.get(job_id)
        self._file(owner).unlink(missing_ok=True)
        if job.result is None:
            raise AirflowFailException(
                f"{job} has succeeded, but its log does not contain the function's result: the log was gone before it "
                "was read, or the function ended its process. Clear the task to run it again."
            )
        return self._handle_output(return_value=json.loads(job.result))


class _SparkTask(_TaskDecorator[Any, Any, DClusterSparkDecoratedOperator]):
    """A decorated function whose mapping is checked while the DAG file is parsed, as its call is."""

    def expand(self, **map_kwargs: Any) -> XComArg:
        """Map the function over lists of its arguments, as Airflow's decorators do."""
        self._check(map_kwargs)
        return super().expand(**map_kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """Map the function over a list of its arguments by name; those of an XCom are checked at run time."""
        for given in kwargs if isinstance(kwargs, Sequence) else ():
            if isinstance(given, Mapping):
                self._check(given)
        return super().expand_kwargs(kwargs, strict=strict)

    def _check(self, mapped: Mapping[str, Any]) -> None:
        check_function(self.function)
        _check_literals(self.kwargs)
        given = {*mapped, *self.kwargs.get("op_kwargs", ()), *KNOWN_CONTEXT_KEYS, SESSION}
        missing = [name for name in needed_arguments(self.function) if name not in given]
        if missing:
            raise TypeError(
                f"@task.{_DECORATOR}: {self.function.__name__}() needs {', '.join(missing)}, which neither partial() "
                "nor the mapping gives"
            )


def _check_literals(kwargs: Mapping[str, Any]) -> None:
    """Reject invalid fields of the job while the DAG file is parsed, unless they wait for templating."""
    fields = {
        name: value for name, value in kwargs.items() if name in JobSpec.model_fields and value is not None
    }
    if is_literal(fields):
        parse(JobSpec, {"client": "-", "module": "-"} | fields)


def dcluster_spark_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Make a function a task that runs it as a Spark application, on a given cluster or its own.

    The function's source is what runs, so it imports what it needs within its body. Arguments and result pass as JSON;
    an argument called ``spark`` gets the Spark session. An error in the function fails the task, with its traceback.

    :param python_callable: the function.
    :param multiple_outputs: whether each key of a returned dict becomes an XCom of its own.
    :param kwargs: the arguments of :class:`~dcluster_provider.operators.job.DClusterSubmitJobOperator`, without those
        that name the application. ``client`` defaults to the DAG's id and ``module`` to the task's.
    """

    def decorate(function: Callable[..., Any]) -> _SparkTask:
        outputs: Any = attrs.NOTHING if multiple_outputs is None else multiple_outputs
        return _SparkTask(function, DClusterSparkDecoratedOperator, outputs, kwargs)

    if python_callable is None:
        return cast("TaskDecorator", decorate)
    if not callable(python_callable):
        raise TypeError(f"@task.{_DECORATOR}: arguments have to be given by name")
    return cast("TaskDecorator", decorate(python_callable))
