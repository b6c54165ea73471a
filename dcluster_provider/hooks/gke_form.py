"""The connection form's fields of GKE; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.form_field import text

GKE_FIELDS: dict[str, dict[str, Any]] = {
    "google_conn_id": text(
        "Google connection",
        "Id of the connection of type google_cloud_platform that credentials come from; empty means the application "
        "default credentials of where tasks run.",
    ),
    "gke_project": text("GKE project", "Id of the cluster's project."),
    "gke_location": text("GKE location", "The cluster's region or zone, such as europe-west1."),
    "gke_cluster": text("GKE cluster", "The cluster's name."),
    "gke_template_pool": text(
        "GKE template pool",
        "A node pool of the cluster whose disks, service account, scopes, network tags and the like new pools take "
        "over; empty means the cluster's defaults.",
    ),
    "gke_zones": text(
        "GKE zones", "Separated by commas, tried in order; empty means those of the cluster's nodes."
    ),
    "gke_market": text(
        "GKE market",
        "on-demand, spot, or spot, then on-demand (every machine type is tried as spot first).",
        enum=["on-demand", "spot", "spot, then on-demand", None],
    ),
    "gke_alternatives": text(
        "GKE alternatives",
        "Machine types, separated by commas, that take the place of one that has no capacity, in order.",
    ),
    "gke_labels": text("GKE labels", "Further labels of machines, for bills by label, a JSON object."),
    "gke_container_endpoint": text(
        "GKE API address", "Of a private endpoint; empty means Google's container.googleapis.com."
    ),
    "gke_compute_endpoint": text(
        "Compute API address", "Of a private endpoint; empty means Google's compute.googleapis.com."
    ),
}
