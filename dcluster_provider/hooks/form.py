"""The fields of the connection form; nothing is imported here, since Airflow reads them in every process."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.ec2_form import EC2_FIELDS
from dcluster_provider.hooks.gke_form import GKE_FIELDS
from dcluster_provider.hooks.job_form import JOB_FIELDS
from dcluster_provider.hooks.kubernetes_form import KUBERNETES_FIELDS
from dcluster_provider.hooks.node_form import NODE_FIELDS

_OWN_FIELDS: dict[str, dict[str, Any]] = {
    "platform": {
        "label": "Platform",
        "description": "Where clusters run: local (this machine) or kubernetes.",
        "schema": {"type": ["string", "null"], "enum": ["local", "kubernetes"], "default": "local"},
    },
    "env": {
        "label": "Environment",
        "description": "The {env} in cluster names {type}-{env}-{tenant}-{timestamp}.",
        "schema": {"type": ["string", "null"], "default": "dev"},
    },
    "deployment": {
        "label": "Deployment",
        "description": "Tells this Airflow's clusters from another's on the same platform.",
        "schema": {"type": ["string", "null"], "default": "airflow"},
    },
    "home": {
        "label": "Home folder",
        "description": "Folder of the local platform's clusters, logs and SQLite registry; empty means the one of the "
        "[dcluster] configuration section, or AIRFLOW_HOME/dcluster.",
        "schema": {"type": ["string", "null"]},
    },
    "registry_conn_id": {
        "label": "Registry connection",
        "description": "Id of a PostgreSQL connection for the registry; empty means SQLite under AIRFLOW_HOME.",
        "schema": {"type": ["string", "null"]},
    },
    "idle_timeout": {
        "label": "Idle timeout",
        "description": "Seconds without a job after which a cluster is ended; empty means never.",
        "schema": {"type": ["integer", "null"]},
    },
    "max_lifetime": {
        "label": "Maximum lifetime",
        "description": "Seconds after its launch at which a cluster is ended; empty means never.",
        "schema": {"type": ["integer", "null"]},
    },
    "alert_after": {
        "label": "Alert after",
        "description": "Seconds that a job may run before people are told, unless its client has a time of its own; "
        "empty means 86400, a day.",
        "schema": {"type": ["integer", "null"]},
    },
    "alert_repeat": {
        "label": "Repeat alerts after",
        "description": "Seconds after which people are told once more of a job that still runs; empty means never.",
        "schema": {"type": ["integer", "null"]},
    },
    "spark_version": {
        "label": "Spark version",
        "description": "Version of pyspark for the local platform; empty means the tested one.",
        "schema": {"type": ["string", "null"]},
    },
    "flink_version": {
        "label": "Flink version",
        "description": "Version of apache-flink for the local platform; empty means the tested one.",
        "schema": {"type": ["string", "null"]},
    },
    "java_home": {
        "label": "Java home",
        "description": "Folder of a Java 17 or later; empty means the one found, or one from PyPI.",
        "schema": {"type": ["string", "null"]},
    },
    "python": {
        "label": "Python",
        "description": "Interpreter that engines are installed with; empty means one that fits.",
        "schema": {"type": ["string", "null"]},
    },
    "job_log_url": {
        "label": "Job log address",
        "description": "Where a job's log is read, with {jobId} in it; empty means a page of this Airflow.",
        "schema": {"type": ["string", "null"]},
    },
}

# Name in the connection's extra -> what the form says of it. The form and the reader share this one table.
FIELDS = _OWN_FIELDS | JOB_FIELDS | KUBERNETES_FIELDS | NODE_FIELDS | EC2_FIELDS | GKE_FIELDS
