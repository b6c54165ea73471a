"""Fails as a program with a mistake does."""

amounts = {"eur": 1}
print(amounts["usd"])
