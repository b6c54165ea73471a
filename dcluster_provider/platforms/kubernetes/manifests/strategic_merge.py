"""Kubernetes' strategic merge of pod templates: lists whose elements have names are merged, not replaced.

As ``kubectl patch --type=strategic`` does it, but for two things: tolerations are appended, and an object with
``$patch: replace`` is set where there was none, which kubectl leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

PATCH, RETAIN_KEYS = "$patch", "$retainKeys"

_OF_CONTAINER = {
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
# What tells the elements of a list apart, by the list's place in a pod template; every other list is one value.
MERGE_KEYS: Mapping[tuple[str, ...], str] = {
    **{("spec", name): "name" for name in _CONTAINERS},
    **{("spec", name, field): key for name in _CONTAINERS for field, key in _OF_CONTAINER.items()},
    ("spec", "volumes"): "name",
    ("spec", "imagePullSecrets"): "name",
    ("spec", "resourceClaims"): "name",
    ("spec", "schedulingGates"): "name",
    ("spec", "hostAliases"): "ip",
    ("spec", "topologySpreadConstraints"): "topologyKey",
}
# One value to Kubernetes. Each toleration only allows more, so that nobody means to take away those that are there.
APPENDED = {("spec", "tolerations")}


def merged(original: Json, patch: Json, path: tuple[str, ...] = ()) -> Json:
    """An object with a patch laid over it; neither is changed.

    :param path: where the object stands in the pod template.
    """
    directive = patch.get(PATCH)
    if directive == "delete":
        return {}
    if directive == "replace":
        return _plain_object(patch, path)
    kept = patch.get(RETAIN_KEYS)
    result = dict(original) if kept is None else {name: original[name] for name in original if name in kept}
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        if value is None:
            result.pop(name, None)
        elif name in result:
            result[name] = _laid_over(result[name], value, (*path, name))
        elif not _deletes(value):
            result[name] = _plain(value, (*path, name))
    return result


def _laid_over(original: Any, value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(original, dict) and isinstance(value, dict):
        return merged(original, value, path)
    if isinstance(original, list) and isinstance(value, list):
        if path in MERGE_KEYS:
            return _merged_list(original, value, MERGE_KEYS[path], path)
        if path in APPENDED:
            return original + [element for element in value if element not in original]
    return _plain(value, path)


def _merged_list(original: list[Json], patch: list[Json], key: str, path: tuple[str, ...]) -> list[Json]:
    given = [element for element in patch if PATCH not in element]
    if any(element.get(PATCH) == "replace" for element in patch):
        return [_plain_object(element, path) for element in given]
    deleted = [element[key] for element in patch if element.get(PATCH) == "delete"]
    there = [element for element in original if element.get(key) not in deleted]
    names = [element.get(key) for element in there]
    result = dict(zip(names, there, strict=True))
    for element in given:
        name = element[key]
        result[name] = merged(result[name], element, path) if name in result else _plain_object(element, path)
    return [result[name] for name in _ordered(names, [element[key] for element in given])]


def _ordered(there: list[Any], given: list[Any]) -> list[Any]:
    """The order of a merged list: elements of the patch in the patch's order, the others in between where they stood.

    What is new comes before what stood there, as with Kubernetes: an added variable can be referred to by ours.
    """
    others = [name for name in there if name not in given]
    order: list[Any] = []
    for name in dict.fromkeys(given):
        if name in there:
            while others and there.index(others[0]) < there.index(name):
                order.append(others.pop(0))
        order.append(name)
    return order + others


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    """What a patch adds where nothing is: itself, without directives and nulls."""
    if isinstance(value, dict):
        return _plain_object(value, path)
    if isinstance(value, list) and path in MERGE_KEYS:
        return [_plain_object(element, path) for element in value if PATCH not in element]
    return value


def _plain_object(value: Json, path: tuple[str, ...]) -> Json:
    return {
        name: _plain(item, (*path, name))
        for name, item in value.items()
        if item is not None and not name.startswith("$") and not _deletes(item)
    }


def _deletes(value: Any) -> bool:
    return isinstance(value, dict) and value.get(PATCH) == "delete"
