"""Prints its arguments; needs no engine."""

import sys

print("arguments", ascii(sys.argv[1:]))
