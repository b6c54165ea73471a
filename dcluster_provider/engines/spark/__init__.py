"""What Spark is, wherever it runs."""
