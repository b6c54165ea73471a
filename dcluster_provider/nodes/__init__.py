"""The machines that clusters run on, where they come from a cloud."""
