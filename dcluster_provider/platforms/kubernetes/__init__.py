"""Clusters on Kubernetes: plain objects, no operator and no custom resource has to be installed."""
