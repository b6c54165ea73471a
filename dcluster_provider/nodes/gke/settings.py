"""The settings of a connection for GKE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

from dcluster_provider.core.connection_fields import Names, Pairs, Text, each_matching, matching
from dcluster_provider.nodes.base import Alternatives, CloudSettings, Market

if TYPE_CHECKING:
    from typing_extensions import Self


_MAX_LABELS = 40  # of the 64 that Google allows, ours and GKE's are some
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_REGION = "[a-z]+-[a-z]+[0-9]+"
_ZONE = f"{_REGION}-[a-z]"
_NAME = "[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
_ADDRESS = r"(https?://)?[A-Za-z0-9.-]+(:\d{1,5})?"


def _labels(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if len(labels) > _MAX_LABELS:
        raise ValueError(f"has {len(labels)} labels; Google allows 64 labels, {_MAX_LABELS} of them here")
    for key, item in labels:
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(item):
            raise ValueError(
                f"label {key[:40]!r}: Google allows at most 63 lower case letters, digits, dashes and underscores"
            )
        if key.startswith(("dcluster-", "goog-")):
            raise ValueError(f"label {key[:40]!r} is not yours to set: it marks whose a machine is")
    return labels


class GkeSettings(CloudSettings):
    """The cluster that gets node pools, and what they are like; what is named here is looked up when it is used.

    :param connection: the id of the ``dcluster`` connection; machines carry it, since only that one knows the
        Kubernetes whose nodes they are.
    """

    connection: str = ""
    conn_id: Text = Field(
        "",
        alias="google_conn_id",
        title="Google connection",
        description="Id of the connection of type google_cloud_platform that credentials come from, which takes "
        "Airflow's google provider; empty means the application default credentials of where tasks run.",
    )
    project: Annotated[
        Text,
        matching(
            "([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "the id of a project, such as analytics-1234"
        ),
    ] = Field(alias="gke_project", title="GKE project", description="Id of the cluster's project.")
    location: Annotated[
        Text, matching(f"{_REGION}(-[a-z])?", "a region or zone, such as europe-west1 or europe-west1-b")
    ] = Field(
        alias="gke_location",
        title="GKE location",
        description="The cluster's region or zone, such as europe-west1.",
    )
    cluster: Annotated[Text, matching(_NAME, "the name of a cluster of GKE")] = Field(
        alias="gke_cluster", title="GKE cluster", description="The cluster's name."
    )
    template_pool: Annotated[Text, matching(_NAME, "the name of a node pool")] = Field(
        "",
        alias="gke_template_pool",
        title="GKE template pool",
        description="A node pool of the cluster whose disks, service account, scopes, network tags and the like new "
        "pools take over; empty means the cluster's defaults.",
    )
    zones: Annotated[Names, each_matching(_ZONE, "a zone, such as europe-west1-b")] = Field(
        (),
        alias="gke_zones",
        title="GKE zones",
        description="Zones, separated by commas, tried in order; empty means those of the cluster's nodes.",
    )
    market: Market = Field(
        "on-demand",
        alias="gke_market",
        title="GKE market",
        description="on-demand, spot, or spot, then on-demand, which tries every machine type as spot first.",
    )
    alternatives: Annotated[
        Alternatives, each_matching("[a-z][a-z0-9-]{2,62}", "a machine type, such as n2-standard-4")
    ] = Field(
        (),
        alias="gke_alternatives",
        title="GKE alternatives",
        description="Machine types, separated by commas, that replace one that has no capacity, in order.",
    )
    labels: Annotated[Pairs, AfterValidator(_labels)] = Field(
        (),
        alias="gke_labels",
        title="GKE labels",
        description="Further labels of machines, for bills by label, a JSON object.",
    )
    container_endpoint: Annotated[
        Text, matching(_ADDRESS, "an address, such as container-analytics.p.googleapis.com")
    ] = Field(
        "",
        alias="gke_container_endpoint",
        title="GKE API address",
        description="Address of a private endpoint of the GKE API; empty means Google's container.googleapis.com.",
    )
    compute_endpoint: Annotated[
        Text, matching(_ADDRESS, "an address, such as compute-analytics.p.googleapis.com")
    ] = Field(
        "",
        alias="gke_compute_endpoint",
        title="Compute API address",
        description="Address of a private endpoint of Compute Engine; empty means Google's compute.googleapis.com.",
    )

    @model_validator(mode="after")
    def _check_zones(self) -> Self:
        region = self.location[:-2] if re.fullmatch(_ZONE, self.location) else self.location
        for zone in self.zones:
            if not zone.startswith(f"{region}-"):
                raise ValueError(f"field gke_zones: {zone!r} is not in {region}, where the cluster is")
        return self

    def __str__(self) -> str:
        return f"GKE cluster {self.cluster!r} in {self.location} of project {self.project!r}"
