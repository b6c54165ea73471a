"""The clouds that provide the machines of nodes."""
