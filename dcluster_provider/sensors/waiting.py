"""What the sensors share: poll, log, and wait on a worker or in the triggerer."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from airflow.sdk import BaseSensorOperator
from airflow.sdk.bases.sensor import PokeReturnValue
from airflow.sdk.configuration import conf

from dcluster_provider.core.arguments import is_literal, listed, reject_unknown_arguments
from dcluster_provider.core.errors import InvalidSpec, NotFound
from dcluster_provider.core.record import ClusterState, JobState, parse_states
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.links.dcluster import EngineUILink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.sdk import Context

    from dcluster_provider.core.record import Cluster, Job
    from dcluster_provider.hooks.dcluster import DClusterHook


class RecordSensor(BaseSensorOperator):
    """Waits for a cluster or job to be in one of some states; it never ends what it watches.

    :param states: the states to wait for, in any letter case.
    :param dcluster_conn_id: id of the connection; the default one need not exist.
    :param deferrable: wait in the triggerer instead of on a worker; Airflow's ``[operators] default_deferrable``
        unless given.

    The other arguments are those of Airflow's sensors (``poke_interval``, ``timeout``, ``mode``, ``soft_fail``).
    """

    kind: ClassVar[Literal["cluster", "job"]]
    kind_of_state: ClassVar[type[ClusterState | JobState]]
    operator_extra_links = (EngineUILink(),)
    engine_ui_url: str = ""

    def __init__(
        self,
        *,
        states: str | Sequence[str],
        dcluster_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool | None = None,
        poke_interval: float | timedelta = 10,
        **kwargs: Any,
    ) -> None:
        reject_unknown_arguments(type(self), kwargs)
        super().__init__(poke_interval=poke_interval, **kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.states = states
        self.dcluster_conn_id = dcluster_conn_id
        self.deferrable = deferrable
        if is_literal(states):
            self.target_states()

    @cached_property
    def hook(self) -> DClusterHook:
        """The hook of the sensor's connection, created at its first use."""
        from dcluster_provider.hooks.dcluster import DClusterHook

        return DClusterHook(self.dcluster_conn_id)

    def target_states(self) -> list[str]:
        """The names of the states to wait for.

        :raises InvalidSpec: a state does not exist, or none is named.
        """
        names = listed("states", self.states)
        if not names:
            raise InvalidSpec("field states: names no state to wait for")
        states: Iterable[ClusterState | JobState] | None
        if self.kind_of_state is ClusterState:
            states = parse_states(ClusterState, names, "states")
        else:
            states = parse_states(JobState, names, "states")
        return [state.value for state in states or ()]

    @abstractmethod
    def poll(self) -> Cluster | Job:
        """Poll the watched record and return it."""

    @abstractmethod
    def recorded(self) -> Cluster | Job:
        """The watched record in its last recorded state."""

    @abstractmethod
    def reject_end(self, record: Any) -> None:
        """Raise if the record has ended in none of the requested states."""

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002  # Airflow passes it
        """Poll once; whether the record is in one of the requested states."""
        return self._judge(self.poll())

    def _judge(self, record: Cluster | Job) -> PokeReturnValue:
        from dcluster_provider.triggers.task_log import describe_change

        self.engine_ui_url = record.ui_url
        self.log.info(describe_change(None, record))
        if record.state.value in self.target_states():
            return PokeReturnValue(True, record.state.value)
        self.reject_end(record)
        return PokeReturnValue(False)

    def execute(self, context: Context) -> Any:
        """Wait, on the worker or in the triggerer, until the record is in one of the states."""
        from airflow.sdk.exceptions import AirflowFailException

        try:
            self.target_states()
            if not self.deferrable:
                return super().execute(context)
            record = self.poll()
        except (InvalidSpec, NotFound) as error:
            raise AirflowFailException(str(error)) from error
        judged = self._judge(record)
        if not judged.is_done:
            self._defer(record.id)
        return judged.xcom_value

    def _defer(self, record_id: int) -> NoReturn:
        from dcluster_provider.triggers.dcluster import ClusterTrigger, JobTrigger

        trigger = {"cluster": ClusterTrigger, "job": JobTrigger}[self.kind]
        self.defer(
            trigger=trigger(
                self.dcluster_conn_id,
                record_id,
                self.target_states(),
                self.poke_interval,
                time.time() + self.timeout,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout + 60),
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish after the wait in the triggerer."""
        from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

        judged = self._judge(self.recorded()) if event["cause"] == "state" else self.poke(context)
        if judged.is_done:
            return judged.xcom_value
        message = f"{self.kind} {event['id']} is {event['state']} after {self.timeout:g} s"
        if self.soft_fail:
            raise AirflowSkipException(message)
        raise AirflowSensorTimeout(message)
