"""What an application hands back to those who submitted it: marked lines in its log.

A log is what every platform has of every application. A line is ``dcluster-handback JOB KIND INDEX/COUNT CRC PART``:
the parts, put together, are base64 of the text. Other output may cut into a line, so each is printed twice, and its
checksum tells which copy is whole.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis

_LINE = re.compile(
    r"dcluster-handback (\d{1,18}) (result|error) (\d{1,5})/(\d{1,5}) ([0-9a-f]{8}) ([A-Za-z0-9+/=]+)"
)
_SHOWN_LINES = 40


def without_handback(text: str) -> list[str]:
    """The lines of a piece of log that are there for people."""
    return [line for line in text.splitlines() if not _LINE.search(line)]


@dataclass(frozen=True)
class Handback:
    """What came back.

    :param result: what the application returned, as JSON text; none when it told of an error.
    :param error: the error that ended it.
    """

    result: str | None = None
    error: Diagnosis | None = None


class HandbackReader:
    """Finds what a job handed back in its log, which is given to it piece by piece."""

    def __init__(self, job_id: int) -> None:
        self._job_id = str(job_id)
        self._parts: dict[tuple[str, int], dict[int, str]] = {}
        self._unfinished = ""

    def feed(self, text: str) -> None:
        """Read on."""
        text = self._unfinished + text
        whole, newline, self._unfinished = text.rpartition("\n")
        for line in (whole + newline).splitlines():
            self._read(line)

    def handback(self) -> Handback | None:
        """What was handed back, the error first; nothing when there was nothing, or not all of it."""
        self._read(self._unfinished)
        for (kind, count), parts in sorted(self._parts.items()):
            if len(parts) == count:
                text = base64.b64decode("".join(parts[index] for index in range(1, count + 1))).decode()
                return Handback(result=text) if kind == "result" else Handback(error=_explained(text))
        return None

    def _read(self, line: str) -> None:
        for job_id, kind, index, count, checksum, part in _LINE.findall(line):
            if job_id == self._job_id and int(checksum, 16) == zlib.crc32(part.encode()):
                self._parts.setdefault((kind, int(count)), {})[int(index)] = part


def _explained(text: str) -> Diagnosis:
    told: dict[str, Any] = json.loads(text)
    lines = str(told["traceback"]).splitlines()
    shown = (
        lines
        if len(lines) <= _SHOWN_LINES
        else [*lines[: _SHOWN_LINES // 2], "...", *lines[-_SHOWN_LINES // 2 :]]
    )
    message = str(told["message"]).splitlines()
    said = f": {message[0]}" if message else ""
    return Diagnosis(
        "FunctionRaised",
        f"The function {told['function']} raised {told['type']}{said}",
        "Correct the function, then clear the task.",
        tuple(shown),
    )
