"""Notifiers: what is done and said when a task or DAG run fails."""
