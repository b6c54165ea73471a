"""Reading one field of a cloud from a ``dcluster`` connection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest

MARKETS = ("on-demand", "spot", "spot, then on-demand")
_MAX_ALTERNATIVES = 59
Forms = Mapping[str, tuple[re.Pattern[str], str]]


class CloudField:
    """A field of a connection, and how what cannot be accepted of it is refused.

    :param forms: by the name of a field, what it has to look like, and that in words.
    """

    def __init__(self, conn_id: str, name: str, value: Any, forms: Forms) -> None:
        self.name, self.value = name, value
        self._conn_id, self._forms = conn_id, forms

    def text(self) -> str:
        """The field as a text of its form."""
        text = str(self.value)
        if self.name.endswith("_market") and text not in MARKETS:
            raise self.refusal(f"write one of {'; '.join(MARKETS)}{nearest(text, set(MARKETS))}")
        return self._formed(text)

    def texts(self) -> tuple[str, ...]:
        """The field as a list, or as a text with commas: each part of its form, and once."""
        value = self.value
        parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
        found = tuple(dict.fromkeys(self._formed(str(part).strip()) for part in parts if str(part).strip()))
        if self.name.endswith("_alternatives") and len(found) > _MAX_ALTERNATIVES:
            raise self.refusal(f"name at most {_MAX_ALTERNATIVES} of them")
        return found

    def pairs(self) -> dict[str, str]:
        """The field as a JSON object of texts."""
        value = self.value
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise self.refusal(f'not JSON ({error}); write {{"team": "data"}}') from None
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.refusal('write a JSON object of texts, such as {"team": "data"}')
        return value

    def refusal(self, why: str) -> InvalidSpec:
        """What is raised for a value that cannot be accepted; the connection and field are named."""
        return InvalidSpec(
            f"connection {self._conn_id!r}: field {self.name}: {str(self.value)[:80]!r}: {why}"
        )

    def _formed(self, text: str) -> str:
        if self.name in self._forms:
            form, told = self._forms[self.name]
            if not form.fullmatch(text):
                raise self.refusal(f"{text[:40]!r} is not {told}")
        return text
