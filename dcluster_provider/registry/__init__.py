"""The registry: clusters, jobs, settings and events, stored in SQLite or PostgreSQL."""
