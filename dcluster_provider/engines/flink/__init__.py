"""What Flink is, wherever it runs."""
