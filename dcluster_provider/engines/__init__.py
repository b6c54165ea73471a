"""What Spark and Flink themselves want and say, wherever they run: settings, memory, answers; nothing is started."""
