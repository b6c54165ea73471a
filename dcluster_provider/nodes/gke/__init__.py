"""Machines of the node pools of a GKE cluster."""
