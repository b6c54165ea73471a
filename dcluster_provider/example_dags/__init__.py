"""DAGs that show the operators at work."""
