"""What commands leave behind in the process that runs them is gone after each test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def process_context(monkeypatch):
    """A command counts as a server of Airflow from its beginning on, which a DAG file that is read later must not."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
