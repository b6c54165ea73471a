"""What OpenLineage is told of a submitted job; imported only where OpenLineage is installed."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define
from openlineage.client.facet_v2 import RunFacet


@define
class DClusterJobRunFacet(RunFacet):
    """The job and the cluster that a task's run stands for."""

    # Nothing of it is a secret: those are looked for by name, and "key" is in many.
    _additional_skip_redact: ClassVar[list[str]] = ["jobId", "clusterId", "clusterName", "application"]

    jobId: int  # noqa: N815  # the names that are sent
    client: str
    module: str
    application: str
    state: str
    exitCode: int | None  # noqa: N815
    clusterId: int  # noqa: N815
    clusterName: str  # noqa: N815
    platform: str
    masterUrl: str  # noqa: N815
    links: dict[str, Any]
