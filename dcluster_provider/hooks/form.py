"""The fields of the connection form; nothing is imported here, since Airflow reads them in every process."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.ec2_form import EC2_FIELDS
from dcluster_provider.hooks.form_field import number, text
from dcluster_provider.hooks.gke_form import GKE_FIELDS
from dcluster_provider.hooks.job_form import JOB_FIELDS
from dcluster_provider.hooks.kubernetes_form import KUBERNETES_FIELDS
from dcluster_provider.hooks.node_form import NODE_FIELDS

_OWN_FIELDS: dict[str, dict[str, Any]] = {
    "platform": text(
        "Platform",
        "Where clusters run: local (this machine) or kubernetes.",
        enum=["local", "kubernetes"],
        default="local",
    ),
    "env": text(
        "Environment", "The {env} in cluster names {type}-{env}-{tenant}-{timestamp}.", default="dev"
    ),
    "deployment": text(
        "Deployment", "Tells this Airflow's clusters from another's on the same platform.", default="airflow"
    ),
    "home": text(
        "Home folder",
        "Folder of the local platform's clusters, logs and SQLite registry; empty means the one of the "
        "[dcluster] configuration section, or AIRFLOW_HOME/dcluster.",
    ),
    "registry_conn_id": text(
        "Registry connection",
        "Id of a PostgreSQL connection for the registry; empty means SQLite under AIRFLOW_HOME.",
    ),
    "idle_timeout": number(
        "Idle timeout", "Seconds without a job after which a cluster is ended; empty means never."
    ),
    "max_lifetime": number(
        "Maximum lifetime", "Seconds after its launch at which a cluster is ended; empty means never."
    ),
    "alert_after": number(
        "Alert after",
        "Seconds that a job may run before people are told, unless its client has a time of its own; "
        "empty means 86400, a day.",
    ),
    "alert_repeat": number(
        "Repeat alerts after",
        "Seconds after which people are told once more of a job that still runs; empty means never.",
    ),
    "spark_version": text(
        "Spark version", "Version of pyspark for the local platform; empty means the tested one."
    ),
    "flink_version": text(
        "Flink version", "Version of apache-flink for the local platform; empty means the tested one."
    ),
    "java_home": text(
        "Java home", "Folder of a Java 17 or later; empty means the one found, or one from PyPI."
    ),
    "python": text("Python", "Interpreter that engines are installed with; empty means one that fits."),
    "job_log_url": text(
        "Job log address",
        "Where a job's log is read, with {jobId} in it; empty means a page of this Airflow.",
    ),
}

# Name in the connection's extra -> what the form says of it. The form and the reader share this one table.
FIELDS = _OWN_FIELDS | JOB_FIELDS | KUBERNETES_FIELDS | NODE_FIELDS | EC2_FIELDS | GKE_FIELDS
