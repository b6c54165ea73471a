"""Jars that a Flink job brings: inside one jar, since Flink takes one for a job and unpacks what is in its ``lib/``."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from typing import IO

# The same as a program, for a pod in which this package is not: python3 -c JOIN_JARS TARGET JAR...
JOIN_JARS = """\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", strict_timestamps=False) as jar:
    for number, path in enumerate(sys.argv[2:]):
        jar.write(path, f"lib/{number}.jar")
"""


def join_jars(target: IO[bytes], application: IO[bytes] | None, libraries: Iterable[IO[bytes]]) -> None:
    """Write a jar that holds others.

    :param target: can be read, written and sought; is empty.
    :param application: the jar that they are put into; none for one that holds nothing else.
    """
    if application is not None:
        shutil.copyfileobj(application, target)
    with zipfile.ZipFile(target, "a") as jar:
        for number, library in enumerate(libraries):
            with jar.open(f"lib/{number}.jar", "w", force_zip64=True) as entry:
                shutil.copyfileobj(library, entry)
    target.seek(0)
