"""Writes numbered lines, so many a second; needs no engine. Long ones are written in two halves."""

import sys
import time

count, a_second = int(sys.argv[1]), int(sys.argv[2])
size = int(sys.argv[3]) if len(sys.argv) > 3 else 0
began = time.monotonic()
for number in range(count):
    line = f"number {number} of a line that is as long as lines of programs are, usually"
    if size:
        print(line, "#" * (size // 2), end="", flush=True)
        time.sleep(0.5 / a_second)
        line = "#" * (size // 2)
    print(line, flush=True)
    ahead = number / a_second - (time.monotonic() - began)
    if ahead > 0.05:
        time.sleep(ahead)
