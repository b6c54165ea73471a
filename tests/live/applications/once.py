"""Leaves a line for each time it ran, in a file named after its argument."""

import sys
from pathlib import Path

with (Path(__file__).parent / f"{sys.argv[1]}.ran").open("a") as ran:
    ran.write("ran\n")
print("ran once")
