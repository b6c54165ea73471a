"""Sensors: waits for a cluster or a job that another task or person requested."""
