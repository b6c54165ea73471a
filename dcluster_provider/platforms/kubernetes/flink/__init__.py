"""Flink in pods."""
