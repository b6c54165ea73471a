"""The cloud AWS EC2."""
