"""How one field of the connection form is described; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any


def text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    """A field that takes text, or one of the texts of an ``enum``; empty is allowed.

    :param schema: further keywords of JSON schema, such as ``enum`` and ``default``.
    """
    return _field("string", label, description, schema)


def number(label: str, description: str) -> dict[str, Any]:
    """A field that takes a whole number; empty is allowed."""
    return _field("integer", label, description, {})


def _field(kind: str, label: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}
