"""Pods as the API server reports them: their state, their logs, their events."""
