"""Templates with named placeholders, as they stand in a connection: ``https://logs/{jobId}``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from string import Formatter

from dcluster_provider.core.errors import InvalidSpec, nearest


def check_template(field: str, text: str, placeholders: Collection[str]) -> None:
    """Reject a template that could not be filled.

    :param field: that holds it, for the message.
    :raises InvalidSpec: a brace without its pair, an unknown placeholder, or one with a format.
    """
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidSpec(
            f"field {field}: {text!r} is no template: {error}; write a brace that is meant as such twice"
        ) from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in placeholders:
            choice = nearest(name, set(placeholders)) or f"; the placeholders are {', '.join(placeholders)}"
            raise InvalidSpec(f"field {field}: there is no placeholder {{{name}}}{choice}")
        if form or conversion:
            raise InvalidSpec(f"field {field}: {{{name}}} takes no format; write the placeholder alone")


def fill_template(text: str, value_of: Callable[[str], str]) -> str:
    """A checked template with each placeholder replaced by the value that a function returns for it."""
    filled = ""
    for literal, name, _, _ in Formatter().parse(text):
        filled += literal + ("" if name is None else value_of(name))
    return filled
