"""Leaves a line for each time it ran, in a file named after its argument; waits for a second file, if one is named."""

import sys
import time
from pathlib import Path

with (Path(__file__).parent / f"{sys.argv[1]}.ran").open("a") as ran:
    ran.write("ran\n")
for awaited in sys.argv[2:]:
    while not Path(awaited).exists():
        time.sleep(0.2)  # between two looks for the file that ends it
print("ran once")
