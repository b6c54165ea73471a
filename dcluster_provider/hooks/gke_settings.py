"""Reading the fields of GKE from a ``dcluster`` connection."""

from __future__ import annotations

import json
import re
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.hooks.gke_form import GKE_FIELDS
from dcluster_provider.nodes.gke.settings import GkeSettings

_MARKETS = ("on-demand", "spot", "spot, then on-demand")
_REQUIRED = ("gke_project", "gke_location", "gke_cluster")
_LISTS = ("gke_zones", "gke_alternatives")
_MOST_ALTERNATIVES = 59
_MOST_LABELS = 40  # of the 64 that Google allows, ours and GKE's are some
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
_FORMS = {
    "gke_project": (
        re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "the id of a project, such as analytics-1234",
    ),
    "gke_location": (
        re.compile(r"[a-z]+-[a-z]+[0-9]+(-[a-z])?"),
        "a region or zone, such as europe-west1 or europe-west1-b",
    ),
    "gke_cluster": (re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"), "the name of a cluster of GKE"),
    "gke_template_pool": (re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"), "the name of a node pool"),
    "gke_zones": (_ZONE, "a zone, such as europe-west1-b"),
    "gke_alternatives": (re.compile(r"[a-z][a-z0-9-]{2,62}"), "a machine type, such as n2-standard-4"),
    "gke_container_endpoint": (
        re.compile(r"(https?://)?[A-Za-z0-9.-]+(:\d{1,5})?"),
        "an address, such as container-analytics.p.googleapis.com",
    ),
    "gke_compute_endpoint": (
        re.compile(r"(https?://)?[A-Za-z0-9.-]+(:\d{1,5})?"),
        "an address, such as compute-analytics.p.googleapis.com",
    ),
}


def gke_settings(conn_id: str, given: dict[str, Any], deployment: str) -> GkeSettings:
    """The settings that a connection's fields mean; whether what they name exists is found out when it is used.

    :param given: the fields that have a value.
    :raises InvalidSpec: a value that cannot be accepted, or is missing; the connection and field are named.
    """
    for name in _REQUIRED:
        if name not in given:
            raise InvalidSpec(
                f"connection {conn_id!r}: field {name}: is empty; nodes of GKE need all of {', '.join(_REQUIRED)}"
            )
    read: dict[str, Any] = {}
    for name in GKE_FIELDS:
        if name in given:
            target = "conn_id" if name == "google_conn_id" else name.removeprefix("gke_")
            read[target] = _Field(conn_id, name, given[name]).read()
    settings = GkeSettings(deployment=deployment, connection=conn_id, **read)
    home = settings.location[:-2] if _ZONE.fullmatch(settings.location) else settings.location
    for zone in settings.zones:
        if not zone.startswith(f"{home}-"):
            raise InvalidSpec(
                f"connection {conn_id!r}: field gke_zones: {zone!r} is not in {home}, where the cluster is"
            )
    return settings


class _Field:
    def __init__(self, conn_id: str, name: str, value: Any) -> None:
        self._conn_id, self._name, self._value = conn_id, name, value

    def read(self) -> Any:
        if self._name in _LISTS:
            return self._list()
        if self._name == "gke_labels":
            return self._labels()
        text = str(self._value)
        if self._name == "gke_market" and text not in _MARKETS:
            raise self._refusal(f"write one of {'; '.join(_MARKETS)}{nearest(text, set(_MARKETS))}")
        return self._formed(text)

    def _list(self) -> tuple[str, ...]:
        value = self._value
        parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
        found = tuple(dict.fromkeys(self._formed(str(part).strip()) for part in parts if str(part).strip()))
        if self._name == "gke_alternatives" and len(found) > _MOST_ALTERNATIVES:
            raise self._refusal(f"name at most {_MOST_ALTERNATIVES} of them")
        return found

    def _formed(self, text: str) -> str:
        if self._name in _FORMS:
            form, told = _FORMS[self._name]
            if not form.fullmatch(text):
                raise self._refusal(f"{text[:40]!r} is not {told}")
        return text

    def _labels(self) -> tuple[tuple[str, str], ...]:
        value = self._value
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise self._refusal(f'not JSON ({error}); write {{"team": "data"}}') from None
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self._refusal('write a JSON object of texts, such as {"team": "data"}')
        if len(value) > _MOST_LABELS:
            raise self._refusal(f"Google allows 64 labels, {_MOST_LABELS} of them here")
        for key, item in value.items():
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(item):
                raise self._refusal(
                    f"label {key[:40]!r}: Google allows at most 63 lower case letters, digits, dashes and underscores"
                )
            if key.startswith(("dcluster-", "goog-")):
                raise self._refusal(f"label {key[:40]!r} is not yours to set: it tells whose a machine is")
        return tuple(sorted(value.items()))

    def _refusal(self, why: str) -> InvalidSpec:
        return InvalidSpec(
            f"connection {self._conn_id!r}: field {self._name}: {str(self._value)[:80]!r}: {why}"
        )
