"""Queues that let the pods of a cluster start all together or not yet."""
