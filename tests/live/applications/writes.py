"""Writes numbered lines, so many a second; needs no engine."""

import sys
import time

count, a_second = int(sys.argv[1]), int(sys.argv[2])
began = time.monotonic()
for number in range(count):
    print(f"number {number} of a line that is as long as lines of programs are, usually", flush=True)
    ahead = number / a_second - (time.monotonic() - began)
    if ahead > 0.05:
        time.sleep(ahead)
