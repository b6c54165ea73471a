"""Notifiers: callbacks for failed tasks and DAG runs."""
