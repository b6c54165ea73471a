"""Lineage of submitted jobs: facets for OpenLineage, and what Spark has to know to report as a child of the task."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.records import job_info
from dcluster_provider.core.redaction import redaction

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.job_spec import JobSpec
    from dcluster_provider.core.record import Cluster, Job

_LOG = logging.getLogger(__name__)
_INTEGRATION = "DCLUSTER"
_SECRETS = (".auth.", ".apiKey", ".headers.")


def job_facets(job: Job, cluster: Cluster, settings: Settings) -> Any:
    """The facets of a job that a task submitted, as an OperatorLineage; nothing where OpenLineage is not installed."""
    if not _is_installed():
        return None
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.facet_v2 import error_message_run, external_query_run, job_type_job, sql_job

    from dcluster_provider.hooks.lineage_facets import DClusterJobRunFacet

    run: dict[str, Any] = {
        "dcluster_job": DClusterJobRunFacet(
            jobId=job.id,
            client=job.client,
            module=job.module,
            application=job.spec.application,
            state=job.state.value,
            exitCode=job.exit_code,
            clusterId=cluster.id,
            clusterName=cluster.name,
            platform=cluster.platform,
            masterUrl=cluster.master_url,
            links=job_info(job, cluster, settings)["links"],
        ),
        "externalQuery": external_query_run.ExternalQueryRunFacet(
            externalQueryId=str(job.id), source=f"dcluster://{job.conn_id}"
        ),
    }
    if job.diagnosis is not None:
        run["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=job.diagnosis.render(), programmingLanguage="UNKNOWN"
        )
    kind = job_type_job.JobTypeJobFacet(
        processingType="STREAMING" if job.spec.traits.is_streaming else "BATCH",
        integration=_INTEGRATION,
        jobType=f"{job.spec.engine.upper()}_JOB",
    )
    of_job: dict[str, Any] = {"jobType": kind}
    if job.spec.sql is not None:
        of_job["sql"] = sql_job.SQLJobFacet(query=redaction().sql(job.spec.sql))
    return OperatorLineage(run_facets=run, job_facets=of_job)


def with_lineage(spec: JobSpec, context: Context) -> JobSpec:
    """A Spark job that reports its own lineage as a child of the task and to where Airflow reports.

    Only where OpenLineage is installed and its options ``spark_inject_parent_job_info`` and
    ``spark_inject_transport_info`` say so. Credentials of the transport are left out: settings of a job are kept and
    shown. What the job sets itself stays.
    """
    wanted = {name: _is_on(f"spark_inject_{name}_info") for name in ("parent_job", "transport")}
    if not spec.traits.reports_lineage or not any(wanted.values()) or not _is_installed():
        return spec
    from airflow.providers.openlineage.utils import spark

    found: dict[str, str] = {}
    if wanted["parent_job"]:
        found |= spark.inject_parent_job_information_into_spark_properties({}, context)
    if wanted["transport"]:
        told = spark.inject_transport_information_into_spark_properties({}, context)
        secret = {name for name in told if any(part in f"{name}." for part in _SECRETS)}
        if secret:
            _LOG.warning(
                "Not handed to the job, which needs them from elsewhere: %s", ", ".join(sorted(secret))
            )
        found |= {name: value for name, value in told.items() if name not in secret}
    settings = {name: str(value) for name, value in found.items()} | spec.extra_cmd
    return spec.model_copy(update={"extra_cmd": settings})


def _is_on(option: str) -> bool:
    from airflow.sdk.configuration import conf

    return bool(conf.getboolean("openlineage", option, fallback=False))


def _is_installed() -> bool:
    try:
        return find_spec("airflow.providers.openlineage.extractors") is not None
    except ImportError:
        return False
