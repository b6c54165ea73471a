"""The result that an application returns to those who submitted it: marked lines in its log.

Every platform has a log of every application. A line is ``dcluster-result JOB KIND INDEX/COUNT CRC PART``: the parts,
joined, are base64 of the text. Other output may cut into a line, so each is printed twice, and its checksum shows which
copy is complete.

An application may print anything, so a line that only resembles this format counts as other output.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.cause_patterns import short
from dcluster_provider.core.diagnosis import Diagnosis, JobCode

_MAX_PARTS = 1000
_MAX_PART = 1000  # characters
_MAX_LINE = _MAX_PART + 100
_MAX_NESTING = 100  # of a result: its readers may serialize it again from deep within other code
_LINE = re.compile(
    r"dcluster-result (\d{1,18}) (result|error) (\d{1,4})/(\d{1,4}) ([0-9a-f]{8}) "
    rf"([A-Za-z0-9+/=]{{1,{_MAX_PART}}})",
    re.ASCII,
)
_SHOWN_LINES = 40


def without_result_lines(text: str) -> list[str]:
    """The lines of a part of a log without those that carry a result."""
    return [line for line in text.splitlines() if not _LINE.search(line)]


@dataclass(frozen=True)
class ReturnedResult:
    """The result or error of a job.

    :param result: what the application returned, as JSON text; None when it returned an error.
    :param error: the error that ended it.
    """

    result: str | None = None
    error: Diagnosis | None = None


class ResultReader:
    """Finds the result of a job in its log, which is fed part by part.

    It keeps a bounded amount of text, however long the log and its lines are, and raises for nothing in it.
    """

    def __init__(self, job_id: int) -> None:
        self._job_id = str(job_id)
        self._counts: dict[str, int] = {}  # by kind: the number of parts, from its last line
        self._parts: dict[str, dict[int, str]] = {}
        self._tail = ""

    def feed(self, text: str) -> None:
        """Read the next part of the log."""
        text = self._tail + text
        for job_id, kind, index, count, checksum, part in _LINE.findall(text):
            if job_id == self._job_id and int(checksum, 16) == zlib.crc32(part.encode()):
                self._keep(kind, int(index), int(count), part)
        # A line that the next part completes is found then; finding one twice changes nothing.
        self._tail = text[-_MAX_LINE:]

    def result(self) -> ReturnedResult | None:
        """The returned error or result, the error first; None when there is none, or parts are missing."""
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
        """The whole text of a kind; None when parts are missing or are not text."""
        parts = self._parts.get(kind, {})
        if not parts or len(parts) < self._counts[kind]:
            return None
        try:
            return base64.b64decode("".join(parts[index] for index in sorted(parts)), validate=True).decode()
        except ValueError:
            return None


def _is_result(text: str) -> bool:
    """Whether a text is JSON that every program can store, read and write again: no NaN, no half characters."""
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
    """The diagnosis of a returned error; None when the text describes none."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    names = ("function", "type", "message", "traceback")
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in names):
        return None
    lines = fields["traceback"].splitlines()
    shown = (
        lines
        if len(lines) <= _SHOWN_LINES
        else [*lines[: _SHOWN_LINES // 2], "...", *lines[-_SHOWN_LINES // 2 :]]
    )
    message = fields["message"].splitlines()
    message_text = f": {short(message[0])}" if message else ""
    return Diagnosis(
        JobCode.FUNCTION_RAISED,
        f"The function {short(fields['function'])} raised {short(fields['type'])}{message_text}",
        "Correct the function, then clear the task.",
        tuple(short(line) for line in shown),
    )
