"""Reading the fields of GKE from a ``dcluster`` connection."""

from __future__ import annotations

import re
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.hooks.cloud_field import CloudField
from dcluster_provider.hooks.gke_form import GKE_FIELDS
from dcluster_provider.nodes.gke.settings import GkeSettings

_REQUIRED = ("gke_project", "gke_location", "gke_cluster")
_LISTS = ("gke_zones", "gke_alternatives")
_MAX_LABELS = 40  # of the 64 that Google allows, ours and GKE's are some
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
            read[target] = _read(CloudField(conn_id, name, given[name], _FORMS))
    settings = GkeSettings(deployment=deployment, connection=conn_id, **read)
    home = settings.location[:-2] if _ZONE.fullmatch(settings.location) else settings.location
    for zone in settings.zones:
        if not zone.startswith(f"{home}-"):
            raise InvalidSpec(
                f"connection {conn_id!r}: field gke_zones: {zone!r} is not in {home}, where the cluster is"
            )
    return settings


def _read(field: CloudField) -> Any:
    if field.name in _LISTS:
        return field.texts()
    return _labels(field) if field.name == "gke_labels" else field.text()


def _labels(field: CloudField) -> tuple[tuple[str, str], ...]:
    pairs = field.pairs()
    if len(pairs) > _MAX_LABELS:
        raise field.refusal(f"Google allows 64 labels, {_MAX_LABELS} of them here")
    for key, item in pairs.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(item):
            raise field.refusal(
                f"label {key[:40]!r}: Google allows at most 63 lower case letters, digits, dashes and underscores"
            )
        if key.startswith(("dcluster-", "goog-")):
            raise field.refusal(f"label {key[:40]!r} is not yours to set: it tells whose a machine is")
    return tuple(sorted(pairs.items()))
