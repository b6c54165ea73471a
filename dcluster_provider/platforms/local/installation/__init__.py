"""Engines that are installed on this machine, with their Java and Python."""
