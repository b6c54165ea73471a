"""Requests to the Kubernetes API server, and what its answers mean."""
