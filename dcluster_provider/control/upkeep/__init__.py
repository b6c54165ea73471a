"""Maintenance: terminates what is orphaned, completes what was interrupted, and notifies of long-running jobs."""
