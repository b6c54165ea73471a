"""The connection form's fields of machines of any cloud; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.form_field import number, text

NODE_FIELDS: dict[str, dict[str, Any]] = {
    "cloud": text(
        "Cloud",
        "Where the nodes of the Kubernetes cluster come from: ec2, gke or on-premises (they are neither made nor "
        "destroyed).",
        enum=["on-premises", "ec2", "gke", None],
        default="on-premises",
    ),
    "max_nodes": number("Maximum nodes", "That one request may ask for; empty means 100."),
    "launch_timeout": number(
        "Time to launch a node",
        "Seconds in which a machine has to run, after it was asked for; empty means 300.",
    ),
    "registration_timeout": number(
        "Time to join",
        "Seconds in which a machine has to be a node that is ready, after it was asked for; empty means 900.",
    ),
    "drain_timeout": number(
        "Time to drain",
        "Seconds in which the pods of a node have to be gone before it is left as it is; empty means 900.",
    ),
    "unused_after": number(
        "Nodes unused after",
        "Seconds for which nothing may have used a node before a clean-up gives it back; empty means 600.",
    ),
    "min_age": number(
        "Minimum age of a node", "Seconds before which no clean-up gives a node back; empty means 600."
    ),
    "max_removed": number("Maximum nodes removed", "That one clean-up gives back; empty means 10."),
    "cluster_instance_types": text(
        "Instance types of clusters",
        "Of the nodes of clusters with launchNewNode, separated by commas: the one that is wanted, and those that may "
        "take its place.",
    ),
    "daemons_cpu": text("CPU of DaemonSets", "That their pods ask for on each node; empty means 250m."),
    "daemons_memory": text(
        "Memory of DaemonSets", "That their pods ask for on each node; empty means 512Mi."
    ),
}
