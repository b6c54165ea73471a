"""Explains why a specification is invalid, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.redaction import redaction

if TYPE_CHECKING:
    from pydantic import ValidationError

# By pydantic's type of the error; the braces are filled from its context.
_MESSAGES = {
    "missing": "is required",
    "greater_than": "has to be more than {gt:.12g}",
    "greater_than_equal": "has to be at least {ge:.12g}",
    "less_than_equal": "can be at most {le:.12g}",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "string_type": "has to be text",
    "tuple_type": "has to be a list",
    "literal_error": "has to be {expected}",
    "model_type": "is not an object with fields",
    "extra_forbidden": "is given twice, as snake_case and as camelCase; give one of them",
}
_LONGEST_INPUT = 80


def nearest(name: str, known: AbstractSet[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or empty when none is near."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def explain(error: ValidationError, *, missing: str = _MESSAGES["missing"]) -> str:
    """Every error of a failed validation: the field, what is wrong with it, and the given value.

    :param missing: the message about a field without a value or a default.
    """
    return "; ".join(_complaint(dict(item), missing) for item in error.errors(include_url=False))


def _complaint(item: dict[str, Any], missing: str) -> str:
    if item["type"] == "missing":
        message = missing
    elif item["type"] in _MESSAGES:
        message = _MESSAGES[item["type"]].format(**item.get("ctx", {}))
    else:
        message = str(item["msg"]).removeprefix("Value error, ")
    where = ".".join(str(step) for step in item["loc"])
    if not where:
        return message
    # A message of this package already contains what may be shown of the value.
    is_complete = item["type"] in {"missing", "value_error", "extra_forbidden"}
    given = "" if is_complete else f" (given: {_shown(item['input'])})"
    return f"field {where}: {message}{given}"


def _shown(value: object) -> str:
    shown = repr(redaction().json(value))
    return shown if len(shown) <= _LONGEST_INPUT else f"{shown[:_LONGEST_INPUT]}..."
