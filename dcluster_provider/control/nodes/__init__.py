"""Launches, drains, releases and records nodes and the machines behind them."""
