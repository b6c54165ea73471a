"""Processes that outlive whoever started them."""
