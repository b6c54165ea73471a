"""The cloud GKE: machines of the node pools of a cluster."""
