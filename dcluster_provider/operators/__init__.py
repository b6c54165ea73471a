"""Operators: each takes arguments, makes one call and waits once."""
