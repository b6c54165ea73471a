"""What is remembered: clusters, jobs, settings and events, in SQLite or PostgreSQL."""
