"""What an application hands back to those who submitted it: marked lines in its log.

A log is what every platform has of every application. A line is ``dcluster-handback JOB KIND INDEX/COUNT CRC PART``:
the parts, put together, are base64 of the text. Other output may cut into a line, so each is printed twice, and its
checksum tells which copy is whole.

An application may print anything, so whatever looks like such a line and is none counts as other output.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.cause_patterns import short
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import JobCode

_MAX_PARTS = 1000
_MAX_PART = 1000  # characters
_MAX_LINE = _MAX_PART + 100
_MAX_NESTING = 100  # of a result: whoever writes it as JSON again may do so from deep within other code
_LINE = re.compile(
    r"dcluster-handback (\d{1,18}) (result|error) (\d{1,4})/(\d{1,4}) ([0-9a-f]{8}) "
    rf"([A-Za-z0-9+/=]{{1,{_MAX_PART}}})",
    re.ASCII,
)
_SHOWN_LINES = 40


def without_result_lines(text: str) -> list[str]:
    """The lines of a piece of log that are there for people."""
    return [line for line in text.splitlines() if not _LINE.search(line)]


@dataclass(frozen=True)
class ReturnedResult:
    """What came back.

    :param result: what the application returned, as JSON text; none when it told of an error.
    :param error: the error that ended it.
    """

    result: str | None = None
    error: Diagnosis | None = None


class ResultReader:
    """Finds what a job handed back in its log, which is given to it piece by piece.

    It keeps a bounded part of the log, however long that and its lines are, and nothing in it is an error.
    """

    def __init__(self, job_id: int) -> None:
        self._job_id = str(job_id)
        self._counts: dict[str, int] = {}  # by kind: how many parts there are, as the last line of it says
        self._parts: dict[str, dict[int, str]] = {}
        self._tail = ""

    def feed(self, text: str) -> None:
        """Read the next piece of the log."""
        text = self._tail + text
        for job_id, kind, index, count, checksum, part in _LINE.findall(text):
            if job_id == self._job_id and int(checksum, 16) == zlib.crc32(part.encode()):
                self._keep(kind, int(index), int(count), part)
        # A line that the next piece ends is found then; finding one twice changes nothing.
        self._tail = text[-_MAX_LINE:]

    def handback(self) -> ReturnedResult | None:
        """What was handed back, the error first; nothing when there was nothing, or not all of it."""
        error = self._text("error")
        explained = _explained(error) if error is not None else None
        if explained is not None:
            return ReturnedResult(error=explained)
        result = self._text("result")
        return ReturnedResult(result=result) if result is not None and _is_result(result) else None

    def _keep(self, kind: str, index: int, count: int, part: str) -> None:
        if not 1 <= index <= count <= _MAX_PARTS:
            return
        if self._counts.get(kind) != count:
            self._counts[kind], self._parts[kind] = count, {}
        self._parts[kind][index] = part

    def _text(self, kind: str) -> str | None:
        """All that was handed back of a kind; none when parts are missing, or are no text."""
        parts = self._parts.get(kind, {})
        if not parts or len(parts) < self._counts[kind]:
            return None
        try:
            return base64.b64decode("".join(parts[index] for index in sorted(parts)), validate=True).decode()
        except ValueError:
            return None


def _is_result(text: str) -> bool:
    """Whether a text is JSON that everybody can keep, read and write again: no NaN, no halves of characters."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return _is_shallow(value)


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_NESTING):
        inner = (list(each.values()) if isinstance(each, dict) else each for each in level)
        level = [child for each in inner if isinstance(each, list) for child in each]
    return not level


def _explained(text: str) -> Diagnosis | None:
    """The error that a text tells of; none when it tells of none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    names = ("function", "type", "message", "traceback")
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in names):
        return None
    lines = told["traceback"].splitlines()
    shown = (
        lines
        if len(lines) <= _SHOWN_LINES
        else [*lines[: _SHOWN_LINES // 2], "...", *lines[-_SHOWN_LINES // 2 :]]
    )
    message = told["message"].splitlines()
    said = f": {short(message[0])}" if message else ""
    return Diagnosis(
        JobCode.FUNCTION_RAISED,
        f"The function {short(told['function'])} raised {short(told['type'])}{said}",
        "Correct the function, then clear the task.",
        tuple(short(line) for line in shown),
    )
