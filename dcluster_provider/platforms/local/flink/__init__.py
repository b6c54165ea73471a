"""Flink in processes of this machine."""
