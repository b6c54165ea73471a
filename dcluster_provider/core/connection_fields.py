"""The fields of a connection: their types, and what the settings made of them have in common.

Their values come from a form as text or from a person as JSON. Each error says what was given and what to write
instead; the field and the connection are added by the reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dcluster_provider.core.errors import nearest
from dcluster_provider.core.fields import LONGEST_TIME

if TYPE_CHECKING:
    from pydantic.config import JsonDict
    from pydantic.fields import FieldInfo

_PAIRS_EXAMPLE = '{"team": "data"}'
_NO_WHOLE_NUMBER = -1
# For ``json_schema_extra``: a new connection holds the default as its value, instead of following the package's.
PREFILLED: JsonDict = {"prefilled": True}
DEFAULT_DEPLOYMENT = "airflow"


def rejected(value: Any, why: str) -> ValueError:
    """The error for a value that cannot be accepted, which shows the value."""
    return ValueError(f"{str(value)[:80]!r}: {why}")


def whole_number(minimum: int, maximum: int = LONGEST_TIME) -> BeforeValidator:
    """A whole number between two bounds, or its decimal digits.

    :param minimum: 0 or 1.
    """

    def read(value: Any) -> int:
        number = _whole(value)
        if not minimum <= number <= maximum:
            raise ValueError(
                f"{str(value)[:80]!r} is not a whole number{' above 0' if minimum else ''} up to {maximum}"
            )
        return number

    return BeforeValidator(read)


def _seconds(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    seconds = _whole(value)
    if not 1 <= seconds <= LONGEST_TIME:
        raise ValueError(f"{str(value)[:80]!r} is not a number of seconds above 0, at most {LONGEST_TIME}")
    return timedelta(seconds=seconds)


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else _NO_WHOLE_NUMBER


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _flag(value: Any) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise rejected(value, "write true or false")
    return text == "true"


def one_of(*choices: str) -> BeforeValidator:
    """One of several texts; the nearest one is named."""

    def read(value: Any) -> str:
        text = str(value)
        if text not in choices:
            separator = "; " if any("," in choice for choice in choices) else ", "
            known = [choice for choice in choices if choice]
            raise rejected(value, f"write one of {separator.join(known)}{nearest(text, set(known))}")
        return text

    return BeforeValidator(read)


def matching(pattern: str, what: str) -> AfterValidator:
    """Text of a form.

    :param pattern: a regular expression for the whole text.
    :param what: the text in words, with an article.
    """
    check = _check(pattern, what)
    return AfterValidator(lambda text: check(text) if text else text)


def each_matching(pattern: str, what: str) -> AfterValidator:
    """A list of texts of a form; see :func:`matching`."""
    check = _check(pattern, what)
    return AfterValidator(lambda texts: tuple(check(text) for text in texts))


def at_most(maximum: int) -> AfterValidator:
    """A list of so many texts, or fewer."""

    def check(texts: tuple[str, ...]) -> tuple[str, ...]:
        if len(texts) > maximum:
            raise rejected(",".join(texts), f"name at most {maximum} of them")
        return texts

    return AfterValidator(check)


def _check(pattern: str, what: str) -> Callable[[str], str]:
    form = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is not {what}")
        return text

    return check


def json_text(kind: type, example: str) -> BeforeValidator:
    """A JSON object or list, or its text; kept as text, so that settings can be compared.

    :param kind: ``dict`` or ``list``.
    :param example: of such JSON.
    """

    def read(value: Any) -> str:
        if value == "":
            return ""
        found = _parsed(value, f"write {example}")
        if not isinstance(found, kind):
            raise rejected(value, f"write {example}")
        return json.dumps(found, sort_keys=True)

    return BeforeValidator(read)


def _names(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def _pairs(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    found = _parsed(value, f"write {_PAIRS_EXAMPLE}")
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise rejected(value, f"write a JSON object of texts, such as {_PAIRS_EXAMPLE}")
    return tuple(sorted(found.items()))


def _parsed(value: Any, remedy: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise rejected(value, f"not JSON ({error}); {remedy}") from None


Text = Annotated[str, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[timedelta, BeforeValidator(_seconds)]
# Text with commas, or a list; each part once.
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
# A JSON object of texts, or its text.
Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]
Deployment = Annotated[
    Text,
    Field(
        title="Deployment",
        description="Tells this Airflow's clusters from another's on the same platform.",
        json_schema_extra=PREFILLED,
    ),
]


class ConnectionSettings(BaseModel):
    """Settings that come from the fields of a ``dcluster`` connection.

    A field with a title is a field of the connection, called by its alias where it has one: its title, description,
    type and default make the connection form, the reader and the table in the documentation. A field without a title
    is filled in by the reader, which knows ``connection`` (the connection's id), ``home`` (the folder of what is kept
    on this machine), ``engines_folder`` and ``new_node_timeout``; a model declares those that it needs.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,  # the form needs the fields alone, and most processes read no connection
    )

    @classmethod
    def connection_fields(cls) -> dict[str, FieldInfo]:
        """The fields of a connection that these settings come from, by their names there."""
        return {field.alias or name: field for name, field in cls.model_fields.items() if field.title}
