"""Task decorators that run functions on a cluster."""
