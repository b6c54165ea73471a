"""What an application is told of the job that it is."""

from __future__ import annotations

import re

from dcluster_provider.core.record import Cluster, Job

_CAPITAL = re.compile(r"([A-Z])")


def handed_over(job: Job, cluster: Cluster) -> dict[str, str]:
    """What an application is told, by the API's names; an empty value is told as such."""
    spec = job.spec
    return {
        "client": spec.client,
        "module": spec.module,
        "jobId": str(job.id),
        "clusterId": str(cluster.id),
        "clusterName": cluster.name,
        "pipelineVersion": spec.pipeline_version,
        "pipelineConfig": spec.pipeline_config,
        "codeVersion": spec.code_version,
        "moduleType": spec.module_type,
    }


def handed_environment(job: Job, cluster: Cluster) -> dict[str, str]:
    """The same as environment variables: ``DCLUSTER_JOB_ID`` for ``jobId``."""
    handed = handed_over(job, cluster)
    return {_CAPITAL.sub(r"_\1", f"dcluster_{name}").upper(): value for name, value in handed.items()}
