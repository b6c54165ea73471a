"""What specifications have in common: how their fields are read, shown and refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from dcluster_provider.core.errors import nearest
from dcluster_provider.core.redaction import redaction


class Entity(BaseModel):
    """A specification: it rejects unknown fields, naming the nearest known one."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        validate_default=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_fields(cls, value: Any) -> Any:
        """Reject unknown fields, and drop null ones: answers show fields that were not given as null."""
        if isinstance(value, dict):
            known = field_names(cls)
            for name in value:
                if name not in known:
                    hint = nearest(str(name), known) or f"; the fields are {', '.join(cls.model_fields)}"
                    raise ValueError(f"unknown field {name!r}{hint}")
            return {name: item for name, item in value.items() if item is not None}
        return value

    def as_json(self) -> dict[str, Any]:
        """The specification with the API's camelCase names."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def secret_values(self) -> tuple[str, ...]:
        """The values that are secrets by their names, except those too short to search for."""
        return ()

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """What pydantic shows of it: no secrets."""
        rules = redaction()
        return ((name, rules.json(value, name)) for name, value in self)


@cache
def field_names(kind: type[Entity]) -> frozenset[str]:
    """Every accepted name of the fields of an entity, snake_case and camelCase."""
    names = frozenset(kind.model_fields)
    return names | {to_camel(name) for name in names}
