"""The buttons on a task's page: each leads where its operator says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.types import TaskInstanceKey

from dcluster_provider.links.dcluster import EngineUILink, GrafanaLink, LogLink
from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator
from dcluster_provider.provider_info import get_provider_info

KEY = TaskInstanceKey("dag", "task", "run", 1)


@pytest.mark.parametrize(
    ("link", "attribute"),
    [(EngineUILink(), "engine_ui_url"), (LogLink(), "log_url"), (GrafanaLink(), "grafana_url")],
)
def test_a_link_leads_where_its_operator_says(link, attribute):
    operator = SimpleNamespace(**{attribute: "http://page/1"})
    assert link.get_link(operator, ti_key=KEY) == "http://page/1"
    assert link.get_link(SimpleNamespace(**{attribute: None}), ti_key=KEY) == ""
    assert link.get_link(SimpleNamespace(), ti_key=KEY) == ""


@pytest.mark.parametrize("operator", [DClusterLaunchSparkOperator, DClusterSubmitJobOperator])
def test_airflow_knows_every_link_of_an_operator(operator):
    links = operator.operator_extra_links
    assert links
    paths = {f"{type(link).__module__}.{type(link).__qualname__}" for link in links}
    assert paths <= set(get_provider_info()["extra-links"])
