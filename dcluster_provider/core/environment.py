"""What a cluster's or a job's processes find in their environment: variables, and secrets by reference."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError, model_validator

from dcluster_provider.core.entity import Entity
from dcluster_provider.core.errors import InvalidSpec, explain
from dcluster_provider.core.fields import Line, check_argument, json_object

SECRETS_FOLDER = "DCLUSTER_SECRETS"  # the variable that says where secrets are that are files
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_KEY = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+", re.ASCII)
_OURS = "DCLUSTER_"
_PARTS = ("password", "login", "host", "port", "schema", "uri", "extra")


class SecretReference(Entity):
    """Where a secret is, and by what name a process finds it: never the secret itself.

    :param env: the environment variable that holds it.
    :param file: or the name of a file that does, in the folder that the variable ``DCLUSTER_SECRETS`` names.
    :param connection: an Airflow connection that it is of.
    :param part: of the connection: ``password``, ``login``, ``host``, ``port``, ``schema``, ``uri``, ``extra`` or
        ``extra.NAME``.
    :param variable: or an Airflow variable.
    :param kubernetes: or a key of a Secret of Kubernetes, in the namespace of the cluster: ``NAME/KEY``.
    """

    env: Line = ""
    file: Line = ""
    connection: Line = ""
    part: Line = "password"
    variable: Line = ""
    kubernetes: Line = ""

    @property
    def name(self) -> str:
        """The variable or the file."""
        return self.env or self.file

    @property
    def source(self) -> str:
        """Where the secret is, in words."""
        if self.connection:
            return f"{self.part} of the connection {self.connection!r}"
        return f"the variable {self.variable!r}" if self.variable else f"the Secret {self.kubernetes}"

    @model_validator(mode="after")
    def _check(self) -> SecretReference:
        if bool(self.env) is bool(self.file):
            raise ValueError("name either env, the variable that holds it, or file")
        if self.env:
            _check_variable(self.env)
        elif not _FILE.fullmatch(self.file) or self.file.startswith("."):
            raise ValueError(
                f"file: {self.file!r} is no name of a file; write letters, digits, dots and dashes"
            )
        if sum(map(bool, (self.connection, self.variable, self.kubernetes))) != 1:
            raise ValueError("name one of connection, variable and kubernetes, which it comes from")
        if self.kubernetes and not _KEY.fullmatch(self.kubernetes):
            raise ValueError(f"kubernetes: {self.kubernetes!r} is no key of a Secret; write NAME/KEY")
        if self.part.partition(".")[0] not in _PARTS:
            raise ValueError(f"part: {self.part!r} is none of {', '.join(_PARTS)} and extra.NAME")
        return self


# Gives the value of a secret that is Airflow's; raises PlatformRefused when there is none.
ReadSecret = Callable[[SecretReference], str]


def no_secrets(reference: SecretReference) -> str:
    """Stands in where there is no Airflow to read secrets from."""
    raise InvalidSpec(f"field secrets: nothing reads {reference.source} here")


def _check_variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a variable; write letters, digits and underscores")
    if name.startswith(_OURS):
        raise ValueError(f"{name}: choose another name: those with {_OURS} are this package's")
    return name


def _variables(value: Any) -> Any:
    value = json_object(value, '{"LOG_LEVEL": "debug"}')
    for name, text in value.items():
        _check_variable(str(name))
        if isinstance(text, bool) or not isinstance(text, (str, int, float)):
            raise ValueError(f"{name}: has to be text, not {str(text)[:80]}; write it in quotes")
    return {str(name): check_argument(str(text)) for name, text in value.items()}


def _references(value: Any) -> Any:
    """The references as JSON, each checked and with no more than was said."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ValueError('is not a list; write one such as [{"env": "DB_PASSWORD", "connection": "db"}]')
    read = []
    for number, each in enumerate(value):
        try:
            reference = SecretReference.model_validate(each)
        except ValidationError as error:
            raise ValueError(f"number {number + 1}: {explain(error)}") from None
        read.append(reference.model_dump(exclude_defaults=True, by_alias=True))
    names = [each.get("env") or each["file"] for each in read]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{', '.join(sorted(repeated))}: is named more than once")
    return read


def references(secrets: Iterable[Mapping[str, str]]) -> list[SecretReference]:
    """The references of a specification's field."""
    return [SecretReference.model_validate(each) for each in secrets]


Variables = Annotated[dict[str, str], BeforeValidator(_variables)]
SecretReferences = Annotated[tuple[dict[str, str], ...], BeforeValidator(_references)]
