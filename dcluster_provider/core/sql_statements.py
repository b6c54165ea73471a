"""Splits SQL texts into statements, as the engine that runs them reads quotes, comments and blocks.

Only the standard library of Python 3.8 is used: the programs that run SQL on the engines contain this module
(``engines/sql_program.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_IDENTIFIER = r"`(?:[^`]|``)*`"
_COMMENT_MARK = re.compile(r"/\*|\*/")
# Before BEGIN: nothing, a label, or Flink's other way to write a set of statements.
_BEFORE_BLOCK = re.compile(r"(?:[\w`]+\s*:\s*|EXECUTE\s+STATEMENT\s+SET\s*)?", re.IGNORECASE)
# After END: what it ends that was not counted, since these words occur elsewhere, too.
_ENDS_UNCOUNTED = re.compile(r"\s+(?:IF|WHILE|LOOP|REPEAT|FOR)\b", re.IGNORECASE)
_ENDS_CASE = re.compile(r"\s+CASE\b", re.IGNORECASE)


class Statement(NamedTuple):
    """A statement of a text, without comments.

    :param number: its place among the statements, from 1.
    :param line: of the text that it begins on, from 1.
    """

    number: int
    line: int
    text: str


@dataclass(frozen=True)
class SqlDialect:
    """How an engine reads SQL, as far as it tells where statements end.

    :param quoted: a regular expression for texts and names in quotes.
    :param line_comment: one for a comment to the end of its line.
    :param nests_comments: a comment in brackets may contain another.
    """

    quoted: str
    line_comment: str
    nests_comments: bool

    @property
    def tokens(self) -> re.Pattern[str]:
        """What the end of a statement is found by: each match is a group of one name."""
        # A comment in brackets that begins with a plus is a hint, which is part of the statement.
        return re.compile(
            rf"(?P<quoted>{self.quoted})|(?P<comment>{self.line_comment})|(?P<bracket>/\*(?!\+))|(?P<end>;)"
            r"|(?P<unclosed>['\"`])|(?P<word>\b(?i:BEGIN|CASE|END)\b)",
            re.DOTALL,
        )


SPARK_SQL = SqlDialect(
    # Raw texts, texts with escapes in them, names, and texts between dollars.
    quoted=r"""(?<!\w)[rR](?:'[^']*'|"[^"]*")|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|"""
    + _IDENTIFIER
    + r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$",
    line_comment=r"--(?:\\\n|[^\n])*",
    nests_comments=True,
)
FLINK_SQL = SqlDialect(
    quoted=r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|""" + _IDENTIFIER,
    line_comment=r"--[^\n]*",
    nests_comments=False,
)


def split_statements(text: str, dialect: SqlDialect) -> list[Statement]:
    """The statements of a text, which semicolons separate outside of quotes, comments and ``BEGIN ... END``.

    :raises ValueError: a quote or comment is never closed, so that what follows it would not run.
    """
    return _Splitter(text, dialect).split()


class _Splitter:
    def __init__(self, text: str, dialect: SqlDialect) -> None:
        self._text = text.lstrip("\ufeff")
        self._nests_comments = dialect.nests_comments
        self._tokens = dialect.tokens
        self._found: list[Statement] = []
        self._parts: list[str] = []
        self._begin = -1  # of the statement that is being read
        self._depth = 0  # how many ENDs are due
        self._line, self._counted = 1, 0  # the line of a position, up to which lines were counted

    def split(self) -> list[Statement]:
        position = 0
        token = self._tokens.search(self._text)
        while token is not None:
            self._take(position, token.start())
            position = self._read(token)
            token = self._tokens.search(self._text, position)
        self._take(position, len(self._text))
        self._finish()
        return self._found

    def _read(self, token: re.Match[str]) -> int:
        """Read a token; the position behind it."""
        kind, start, end = token.lastgroup, token.start(), token.end()
        if kind == "unclosed":
            raise ValueError(f"the quote {token[0]} on line {self._line_of(start)} is never closed")
        if kind == "bracket":
            end = self._end_of_comment(start)
        if kind in ("bracket", "comment"):
            self._parts.append(" ")
        elif kind == "end" and not self._depth:
            self._finish()
        elif kind == "word":
            end = self._read_word(token[0].upper(), start, end)
            self._take(start, end)
        else:
            self._take(start, end)
        return end

    def _read_word(self, word: str, start: int, end: int) -> int:
        """Count the ENDs that are due after a word; the position behind what belongs to it."""
        if self._text[start - 1 : start] == ".":  # a column of that name
            return end
        if word == "BEGIN":
            if self._depth or _BEFORE_BLOCK.fullmatch("".join(self._parts).strip()):
                self._depth += 1
        elif word == "CASE" and self._depth:
            self._depth += 1
        elif word == "END" and self._depth:
            uncounted = _ENDS_UNCOUNTED.match(self._text, end)
            if uncounted:
                return uncounted.end()
            self._depth -= 1
            case = _ENDS_CASE.match(self._text, end)
            return case.end() if case else end
        return end

    def _end_of_comment(self, start: int) -> int:
        depth = 1
        for mark in _COMMENT_MARK.finditer(self._text, start + 2):
            if mark[0] == "*/":
                depth -= 1
            elif self._nests_comments:
                depth += 1
            if not depth:
                return mark.end()
        raise ValueError(f"the comment that begins on line {self._line_of(start)} is never closed")

    def _take(self, start: int, end: int) -> None:
        part = self._text[start:end]
        self._parts.append(part)
        if self._begin < 0 and part.strip():
            self._begin = start + len(part) - len(part.lstrip())

    def _finish(self) -> None:
        text = "".join(self._parts).strip()
        if text:
            self._found.append(Statement(len(self._found) + 1, self._line_of(self._begin), text))
        self._parts, self._begin, self._depth = [], -1, 0

    def _line_of(self, position: int) -> int:
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        return self._line
