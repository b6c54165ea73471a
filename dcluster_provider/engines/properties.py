"""Settings as Java properties, the format that Spark reads."""

from __future__ import annotations

from collections.abc import Mapping


def properties_text(settings: Mapping[str, str]) -> str:
    """Settings as the text of a Java properties file."""
    return "".join(f"{_escaped(name)}={_escaped(value)}\n" for name, value in settings.items())


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    for special in "=:#! ":
        text = text.replace(special, "\\" + special)
    return "".join(each if " " <= each <= "~" else _unicode(each) for each in text)


def _unicode(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at] << 8 | encoded[at + 1]:04x}" for at in range(0, len(encoded), 2))
