"""Operators: arguments, one call, one wait."""
