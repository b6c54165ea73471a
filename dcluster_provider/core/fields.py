"""The types of fields: validation of text, numbers, quantities and engine settings."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dcluster_provider.core.sizing import cpu_cores, memory_bytes

LONGEST_LINE = 253  # characters
# Bytes. Linux passes a program at most 128 KiB in one argument, with the byte that ends it, and 2 MiB in all with its
# environment; a Kubernetes object, which contains a pod's arguments, is limited to 1 MiB.
LONGEST_ARGUMENT = 128 * 1024 - 1
MAX_ARGUMENTS = 512 * 1024
MAX_SETTINGS = 64 * 1024  # bytes; they share an object with the application
MAX_SQL = 64 * 1024  # bytes; it stands in the specification, which rows, answers and forms hold
LONGEST_TIME = 2**31 - 1  # seconds; the most that databases and clocks hold
_ENGINE_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)
_MODULE = re.compile(r"[\w.-]+:[\w.-]+", re.ASCII)
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.+-]+", re.ASCII)
_REQUIREMENT = re.compile(r"[A-Za-z0-9/.~][^\s].*|[A-Za-z0-9]", re.ASCII)
_WEB_ADDRESS = re.compile(r"(https?|file)://[^\s]+")
_SUFFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?")


def _scalar_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _cpu(value: str) -> str:
    cpu_cores(value)
    return value.strip()


def _memory(value: str) -> str:
    memory_bytes(value)
    return value.strip()


def json_object(value: Any, example: str) -> dict[str, Any]:
    """An object, or its JSON text; nothing means an empty one.

    :param example: of such text.
    :raises ValueError: it is something else.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
                f"write an object such as {example}"
            ) from None
    if not isinstance(value, dict):
        raise ValueError(f"is not a JSON object; write one such as {example}")
    return value


def _settings(value: Any) -> Any:
    """Engine settings from JSON text or a mapping, each value as text in the engine's notation."""
    value = json_object(value, '{"spark.executor.instances": 2}')
    read = {_setting_name(str(name)): _setting(str(name), item) for name, item in value.items()}
    size = sum(len(text.encode()) for item in read.items() for text in item)
    if size > MAX_SETTINGS:
        raise ValueError(
            f"has {size} bytes of settings; the most is {MAX_SETTINGS}; put what is large into a file that the "
            "application reads"
        )
    return read


def _setting_name(name: str) -> str:
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise ValueError(f"has the name {name!r}, which is empty or has white space in it")
    return name


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return check_argument(str(value))
    raise ValueError(f"has a value for {name!r} that is neither text, a number nor a boolean")


def _printable(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("has a control character (a line break, a tab or the like) in it")
    return check_argument(value).strip()


def _line(value: str) -> str:
    if len(value) > LONGEST_LINE:
        raise ValueError(f"has {len(value)} characters; the most is {LONGEST_LINE}")
    return _printable(value)


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def check_argument(value: str) -> str:
    """Text that a program can be given."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("has a NUL or half a surrogate pair in it, which no program can receive")
    return value


def _short_argument(value: str) -> str:
    size = len(check_argument(value).encode())
    if size > LONGEST_ARGUMENT:
        raise ValueError(
            f"has {size} bytes; Linux passes a program at most {LONGEST_ARGUMENT} in one argument; put what is longer "
            "into a file that the application reads"
        )
    return value


def _few_arguments(value: tuple[str, ...]) -> tuple[str, ...]:
    size = sum(len(each.encode()) + 1 for each in value)
    if size > MAX_ARGUMENTS:
        raise ValueError(
            f"has {size} bytes of arguments; the most is {MAX_ARGUMENTS} in all; put them into a file that the "
            "application reads"
        )
    return value


def _sql(value: str) -> str:
    size = len(check_argument(value).encode())
    if size > MAX_SQL:
        raise ValueError(
            f"has {size} bytes; the most is {MAX_SQL}; put it into a .sql file that application names"
        )
    name = value.strip()
    if name.lower().endswith(".sql") and len(name.split()) == 1:
        raise ValueError(
            f"{name[-80:]!r} is the name of a file; write the SQL itself, or name the file in application"
        )
    return value


def _several(value: Any) -> Any:
    """A list, or text with commas as spark-submit takes it."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _coordinate(value: str) -> str:
    if not _COORDINATE.fullmatch(value):
        raise ValueError(f"{value!r} is no Maven package; write group:artifact:version, as org.acme:tool:1.2")
    return value


def _module(value: str) -> str:
    if not _MODULE.fullmatch(value):
        raise ValueError(f"{value!r} is no Maven module; write group:artifact, such as org.slf4j:slf4j-api")
    return value


def _one_or_several(value: Any) -> Any:
    """A list, or text that is one entry: a requirement has commas of its own."""
    return [value] if isinstance(value, str) and value.strip() else value or ()


def _requirement(value: str) -> str:
    text = value.strip()
    if text.startswith("-"):
        raise ValueError(
            f"{text[:80]!r} is an option of pip; name requirements (pandas==2.2.3) and files of them alone, and set "
            "options by pip's environment variables where the job runs"
        )
    if not _REQUIREMENT.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is neither a requirement, such as pandas==2.2.3, nor a file of some")
    return text


def _web_address(value: str) -> str:
    if not _WEB_ADDRESS.match(value):
        raise ValueError(f"{value[:80]!r} is no address; write one such as https://repository.acme.org/maven")
    return value


def _engine_version(value: str) -> str:
    text = value.strip()
    if text and not _ENGINE_VERSION.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is no version; write a release such as '4.1', or one of its patches, '4.1.4'"
        )
    return text


def _suffix(value: str) -> str:
    if value and not _SUFFIX.fullmatch(value):
        raise ValueError(
            f"{value[:40]!r} cannot end a cluster's name; write at most 16 of a-z, 0-9 and dashes, "
            "with no dash at either end"
        )
    return value


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"has to be a number, not {str(value).lower()}")
    return value


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else _no_flag(value)


Cpu = Annotated[str, BeforeValidator(_scalar_text), AfterValidator(_cpu)]
Memory = Annotated[str, BeforeValidator(_scalar_text), AfterValidator(_memory)]
Settings = Annotated[dict[str, str], BeforeValidator(_settings)]
Line = Annotated[str, BeforeValidator(_scalar_text), AfterValidator(_line)]
Name = Annotated[Line, AfterValidator(_not_empty)]
Count = Annotated[int, BeforeValidator(_no_flag)]
Seconds = Annotated[int, BeforeValidator(_seconds)]
Amount = Annotated[float, BeforeValidator(_no_flag)]
Suffix = Annotated[str, AfterValidator(_suffix)]
# A number is refused: 4.10 would arrive as 4.1.
EngineVersion = Annotated[str, AfterValidator(_engine_version)]
Argument = Annotated[str, BeforeValidator(_scalar_text), AfterValidator(_short_argument)]
Arguments = Annotated[tuple[Argument, ...], AfterValidator(_few_arguments)]
Sql = Annotated[str, Field(json_schema_extra={"format": "multiline"}), AfterValidator(_sql)]
Path = Annotated[str, Field(max_length=4096), AfterValidator(_printable)]
Addresses = Annotated[tuple[Annotated[Path, AfterValidator(_not_empty)], ...], BeforeValidator(_several)]
WebAddresses = Annotated[tuple[Annotated[Path, AfterValidator(_web_address)], ...], BeforeValidator(_several)]
MavenCoordinates = Annotated[
    tuple[Annotated[Line, AfterValidator(_coordinate)], ...], BeforeValidator(_several)
]
MavenModules = Annotated[tuple[Annotated[Line, AfterValidator(_module)], ...], BeforeValidator(_several)]
Requirements = Annotated[
    tuple[Annotated[Path, AfterValidator(_requirement)], ...], BeforeValidator(_one_or_several)
]
