"""A pod template of the user's own, laid over the pods that this package makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.sizing import is_quantity
from dcluster_provider.platforms.kubernetes.manifests.metadata import PREFIX
from dcluster_provider.platforms.kubernetes.manifests.strategic_merge import (
    MERGE_KEYS,
    PATCH,
    RETAIN_KEYS,
    merged,
)
from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER

Json = dict[str, Any]

_TOP = {"metadata", "spec"}
_METADATA = {"labels", "annotations"}
_EXAMPLE = '{"spec": {"nodeSelector": {"disktype": "ssd"}}}'
_NEEDED = "this package decides it, since clusters depend on it"
# By their places: what the platform finds its pods by, and what decides whether and as what they come back.
_OURS = {("spec", "restartPolicy"), ("spec", "hostname"), ("spec", "subdomain")}
_ALL_TEXT = {("metadata", "labels"), ("metadata", "annotations"), ("spec", "nodeSelector")}
_AMOUNTS = {("resources", "requests"), ("resources", "limits")}  # by the ends of their places
# Taken away or replaced as a whole, something of ours would go with it.
_KEPT = {(), ("metadata",), ("metadata", "labels"), ("spec",), ("spec", "containers")}


def overlaid(pod_template: Json, overlay: Json) -> Json:
    """A pod template with an overlay laid over it, as a new one.

    :param overlay: as :func:`parse_overlay` accepts it.
    """
    return merged(pod_template, overlay)


def parse_overlay(value: str | Mapping[str, Any], field: str) -> Json:
    """Read an overlay: a strategic merge patch of a pod template.

    :param value: an object, or its JSON or YAML text; empty text means nothing to lay over.
    :param field: what the value was given as, for messages.
    :raises InvalidSpec: it cannot be laid over our pods; the message names its field.
    """
    overlay = _read(value, field) if isinstance(value, str) else value
    if not isinstance(overlay, dict):
        raise InvalidSpec(f"{field}: is not an object with metadata and spec; write one such as {_EXAMPLE}")
    _check_names(overlay, _TOP, f"{field}: ")
    _check_names(_object(overlay, "metadata", field), _METADATA, f"{field}: metadata.")
    _object(overlay, "spec", field)
    for path, where, part in _parts(overlay):
        complaint = _complaint(path, where, part)
        if complaint:
            raise InvalidSpec(f"{field}: {where or 'the template'}: {complaint}")
    _check_labels(overlay, field)
    _check_engine(overlay, field)
    return overlay


def _read(text: str, field: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{"):
            raise InvalidSpec(
                f"{field}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            ) from None
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidSpec(f"{field}: is not YAML: {getattr(error, 'problem', error)}{where}") from None


def _check_names(value: Json, known: set[str], where: str) -> None:
    for name in value:
        if name not in known and not str(name).startswith("$"):
            choice = nearest(str(name), known) or f"; the fields are {', '.join(sorted(known))}"
            raise InvalidSpec(f"{where}{name}: is not a field that can be overlaid{choice}")


def _object(overlay: Json, name: str, field: str) -> Json:
    value = overlay.get(name, {})
    if not isinstance(value, dict):
        raise InvalidSpec(
            f"{field}: {name}: is not an object with fields; leave it out to overlay none of it"
        )
    return value


def _parts(
    value: Any, path: tuple[str, ...] = (), where: str = ""
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every part of an overlay: its path of names, the same with the places in lists, and what it is."""
    yield path, where, value
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _parts(element, path, f"{where}[{index}]")
    if isinstance(value, dict):
        for name, item in value.items():
            if not str(name).startswith("$"):
                yield from _parts(item, (*path, str(name)), f"{where}.{name}".lstrip("."))


def _complaint(path: tuple[str, ...], where: str, part: Any) -> str:
    """What the merge would not understand, or what would take away something of ours; usually nothing."""
    if path in _OURS:
        return f"leave it out: {_NEEDED}"
    if part is None and path in _KEPT:
        return f"cannot be taken away: {_NEEDED}"
    if where.endswith("]") and path in MERGE_KEYS:
        return _complaint_of_element(part, MERGE_KEYS[path], is_kept=path in _KEPT)
    if isinstance(part, dict):
        if path[-2:] in _AMOUNTS:
            return _complaint_of_amounts(part)
        return _complaint_of_object(part, is_kept=path in _KEPT, is_text=path in _ALL_TEXT)
    return ""


def _complaint_of_amounts(value: Json) -> str:
    for name, item in value.items():
        # The API server would say that an amount is wrong, and not which.
        if item is not None and name not in (PATCH, RETAIN_KEYS) and not is_quantity(item):
            return f"{name} is not an amount but {item!r}; write one such as 500m or 8Gi"
    return _complaint_of_directives(value)


def _complaint_of_element(element: Any, key: str, *, is_kept: bool) -> str:
    if not isinstance(element, dict):
        return "is not an object with fields"
    if is_kept and element.get(PATCH) == "replace":
        return f"what is there cannot be replaced: {_NEEDED}"
    if key not in element and element.get(PATCH) != "replace":
        return f"has no {key}, by which it is found among the pod's own"
    return _complaint_of_directives(element)


def _complaint_of_object(value: Json, *, is_kept: bool, is_text: bool) -> str:
    if is_kept and (PATCH in value or RETAIN_KEYS in value):
        return f"cannot be taken away or replaced: {_NEEDED}"
    if is_text:
        for name, item in value.items():
            if item is not None and not isinstance(item, str):
                return f'{name} is not text; write it in quotes: "{json.dumps(item, default=str)}"'
    return _complaint_of_directives(value)


def _complaint_of_directives(value: Json) -> str:
    for name in value:
        if str(name).startswith("$") and name not in (PATCH, RETAIN_KEYS):
            return f"unknown directive {name}; {PATCH} and {RETAIN_KEYS} are known"
    if PATCH in value and value[PATCH] not in ("delete", "replace"):
        return f"{PATCH} has to be delete or replace, not {value[PATCH]!r}"
    return ""


def _check_labels(overlay: Json, field: str) -> None:
    for name in overlay.get("metadata", {}).get("labels") or {}:
        if name.startswith(PREFIX):
            raise InvalidSpec(f"{field}: metadata.labels.{name}: choose another prefix: {_NEEDED}")


def _check_engine(overlay: Json, field: str) -> None:
    for index, container in enumerate(overlay.get("spec", {}).get("containers") or ()):
        if container.get("name") != ENGINE_CONTAINER:
            continue
        where = f"{field}: spec.containers[{index}]"
        if PATCH in container or RETAIN_KEYS in container:
            raise InvalidSpec(
                f"{where}: the container {ENGINE_CONTAINER} runs Spark or Flink and cannot be taken away or "
                "replaced; give the fields to change, or a container of another name to add"
            )
        for name in ("command", "args"):
            if name in container:
                raise InvalidSpec(
                    f"{where}.{name}: leave it out: what the container {ENGINE_CONTAINER} runs is this package's; "
                    "put what has to run before into an init container"
                )
