"""Launching, draining, giving back and remembering machines."""
