"""Links from a task to the engine's own page and to the logs; each stores only a name and an attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


@attrs.define
class _OperatorAttributeLink(BaseOperatorLink):
    """A link to an address that the operator sets while it runs; Airflow stores it when the task ends or defers."""

    attribute = ""

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002  # Airflow passes it
        """The address; empty while the operator has none."""
        return getattr(operator, self.attribute, "") or ""


@attrs.define
class EngineUILink(_OperatorAttributeLink):
    """Links to the Spark or Flink page of the cluster or job."""

    name = "Engine UI"
    attribute = "engine_ui_url"


@attrs.define
class LogLink(_OperatorAttributeLink):
    """Links to the log of the job."""

    name = "Job log"
    attribute = "log_url"


@attrs.define
class GrafanaLink(_OperatorAttributeLink):
    """Links to the log of the cluster or job in Grafana."""

    name = "Grafana"
    attribute = "grafana_url"
