"""Upkeep: what is forgotten is ended, what was cut short is completed, and what takes long is told."""
