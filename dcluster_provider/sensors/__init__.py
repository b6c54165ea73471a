"""Sensors: waiting for a cluster or a job that somebody else asked for."""
