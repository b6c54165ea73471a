"""Reading the fields of the Kubernetes platform from a ``dcluster`` connection."""

from __future__ import annotations

import json
import re
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.core.sizing import memory_bytes
from dcluster_provider.hooks.kubernetes_form import KUBERNETES_FIELDS
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_OBJECTS = ("node_selector", "annotations")
_NUMBERS = ("spark_user", "flink_user", "unschedulable_timeout", "mount_timeout")
_CHOICES = {"engine_access": ("proxy", "direct"), "image_pull_policy": ("Always", "IfNotPresent", "Never")}
_MAX_NUMBER = 2**31 - 1  # as Kubernetes counts users and seconds
_NAMESPACES = ("namespace", "external_namespace")
_FACTOR = re.compile(r"100|[1-9][0-9]?(?:\.[0-9]{1,3})?", re.ASCII)
_DNS_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


def kubernetes_settings(conn_id: str, given: dict[str, Any], deployment: str) -> KubernetesSettings:
    """The settings that a connection's fields mean.

    :param given: the fields that have a value.
    :raises InvalidSpec: a value that cannot be accepted; the connection and field are named.
    """
    read: dict[str, Any] = {}
    for name in KUBERNETES_FIELDS:
        if name in given:
            target = "conn_id" if name == "kubernetes_conn_id" else name
            read[target] = _Field(conn_id, name, given[name]).read()
    if read.get("flink_ha") and not (read.get("flink_storage") and read.get("service_account")):
        raise InvalidSpec(
            f"connection {conn_id!r}: field flink_ha: needs flink_storage (where the JobManager keeps its state) and "
            "service_account (one that may edit ConfigMaps)"
        )
    return KubernetesSettings(deployment=deployment, **read)


class _Field:
    def __init__(self, conn_id: str, name: str, value: Any) -> None:
        self._conn_id, self._name, self._value = conn_id, name, value

    def read(self) -> Any:
        if self._name in _OBJECTS:
            return self._json(dict, 'a JSON object, such as {"disk": "ssd"}')
        if self._name == "tolerations":
            return self._json(list, 'a JSON list, such as [{"key": "dedicated", "operator": "Exists"}]')
        if self._name == "pod_template":
            return self._pod_template()
        if self._name in _NUMBERS:
            return self._number()
        if self._name == "flink_ha":
            return self._flag()
        return self._text()

    def _text(self) -> str:
        text = str(self._value)
        if self._name in _CHOICES and text not in _CHOICES[self._name]:
            raise self._refusal(
                f"write one of {', '.join(_CHOICES[self._name])}{nearest(text, set(_CHOICES[self._name]))}"
            )
        if self._name in _NAMESPACES and not _DNS_LABEL.match(text):
            raise self._refusal("a namespace is at most 63 lower case letters, digits and dashes")
        if self._name == "cpu_limit" and text not in {"none", "request"} and not _FACTOR.fullmatch(text):
            raise self._refusal("write none, request or a factor from 1 to 100, such as 1.5")
        if self._name == "disk_size":
            try:
                memory_bytes(text)
            except InvalidSpec as error:
                raise self._refusal(str(error)) from None
        return text

    def _json(self, kind: type, example: str) -> str:
        value = self._value
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise self._refusal(f"not JSON ({error}); write {example}") from None
        if not isinstance(value, kind):
            raise self._refusal(f"write {example}")
        return json.dumps(value, sort_keys=True)

    def _pod_template(self) -> str:
        from dcluster_provider.platforms.kubernetes.manifests.overlay import parse_overlay

        found = parse_overlay(self._value, f"connection {self._conn_id!r}: field {self._name}")
        return json.dumps(found, sort_keys=True)

    def _number(self) -> int:
        text = str(self._value)
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > _MAX_NUMBER:
            raise self._refusal(f"write a whole number up to {_MAX_NUMBER}")
        return int(text)

    def _flag(self) -> bool:
        text = str(self._value).lower()
        if text not in {"true", "false"}:
            raise self._refusal("write true or false")
        return text == "true"

    def _refusal(self, why: str) -> InvalidSpec:
        return InvalidSpec(
            f"connection {self._conn_id!r}: field {self._name}: {str(self._value)[:80]!r}: {why}"
        )
