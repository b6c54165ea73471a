"""What the settings of a connection and of its backends have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from dcluster_provider.core.connection_fields import Text

if TYPE_CHECKING:
    from pydantic.config import JsonDict
    from pydantic.fields import FieldInfo

# For ``json_schema_extra``: a new connection holds the default as its value, instead of following the package's.
PREFILLED: JsonDict = {"prefilled": True}
DEFAULT_DEPLOYMENT = "airflow"
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
