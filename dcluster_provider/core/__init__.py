"""What clusters and jobs are and mean: pure values and functions, no input or output."""
