"""Task decorators: functions that run on a cluster."""
