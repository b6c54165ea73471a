"""Spark in processes of this machine."""
