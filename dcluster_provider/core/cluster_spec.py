"""The specification of a cluster.

Field names and meanings are those of ClusterEntity, section 1.2 of the dCluster API; each is accepted in snake_case
and in the API's camelCase. The fields after the blank line are this package's own. A field's description (Markdown)
is what the Trigger forms, the REST API and the documentation show.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from dcluster_provider.core.engine_traits import TYPES, ClusterType, EngineTraits
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.environment import SecretReferences, Variables
from dcluster_provider.core.fields import (
    LONGEST_TIME,
    Amount,
    Count,
    Cpu,
    EngineVersion,
    Line,
    Memory,
    Name,
    Seconds,
    Settings,
    Suffix,
)
from dcluster_provider.core.kubernetes_pods import PodsBlock
from dcluster_provider.core.redaction import redaction

EXTERNAL_NAMESPACE = "Run in the connection's namespace for external work, where the platform has namespaces."
ENGINE_VERSION = (
    "Release of the engine (`4.1`, for its newest tested patch) or one of its patches (`4.1.4`); empty means the "
    "connection's default for the type."
)
SECRETS = (
    "where each is, never its value: `env` or `file` names it for the process, `connection` (with `part`), `variable` "
    "or `kubernetes` (`NAME/KEY` of a Secret) says where it comes from."
)
PODS = (
    "fields of the pods beside what the connection says: image, serviceAccount, nodeSelector, tolerations, resources, "
    "volumes, sidecars, podTemplate and so on; `roles` has those of single roles."
)

QUEUE = (
    "queue in which all pods of {what} wait until all of them may start: a LocalQueue of Kueue, or one of YuniKorn or "
    "Volcano; empty means the connection's."
)
PRIORITY = "priority class by which the queue orders {what}; with Kueue, a WorkloadPriorityClass."


class ClusterSpec(Entity):
    """A Spark or Flink cluster: ClusterEntity of the dCluster API."""

    tenant: Name = Field(description="Tenant that the cluster is for; part of its name.")
    workers: Count = Field(
        default=1,
        ge=1,
        le=1000,
        description="Number of workers (Flink: TaskManagers); unset means 1, or minWorkers.",
    )
    worker_cpu: Cpu = Field(
        default="1", description="CPU of each worker: cores (`2`, `0.5`) or thousandths of one (`500m`)."
    )
    worker_memory: Memory = Field(
        default="2Gi", description="Memory of each worker, as `8Gi`, `512Mi` or `8g`."
    )
    master_cpu: Cpu = Field(
        default="1", description="CPU of the Spark master or Flink JobManager, written as that of a worker."
    )
    master_memory: Memory = Field(
        default="1Gi",
        description="Memory of the Spark master or Flink JobManager, written as that of a worker.",
    )
    type: ClusterType = Field(default="spark3", description="Cluster type, which selects the engine.")
    use_on_demand_master: bool = Field(
        default=False, description="Run the master on an on-demand node, never on a spot node."
    )
    extra_configs: Settings = Field(
        default_factory=dict, description="Settings of the engine, each under the engine's own name for it."
    )
    launch_new_node: bool = Field(
        default=False, description="Launch nodes of the connection's cloud for this cluster alone."
    )
    launch_dynamic_disk: bool = Field(
        default=False, description="Give each worker a dynamically provisioned disk of its own."
    )
    use_external_namespace: bool = Field(default=False, description=EXTERNAL_NAMESPACE)
    cluster_suffix: Suffix = Field(
        default="", description="Appended to the generated name: at most 16 of a-z, 0-9 and dashes."
    )

    long_living: bool = Field(
        default=False,
        description="Share the cluster among jobs and keep it after the DAG run that launched it.",
    )
    idle_timeout: Seconds | None = Field(
        default=None,
        ge=1,
        le=LONGEST_TIME,
        description="Seconds without a job after which the cluster is terminated; unset means the connection's value.",
    )
    max_lifetime: Seconds | None = Field(
        default=None,
        ge=1,
        le=LONGEST_TIME,
        description="Seconds after its launch at which the cluster is terminated; unset means the connection's value.",
    )
    min_workers: Count | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Elastic cluster: the fewest workers, to which a shared one shrinks while idle; unset means 1.",
    )
    max_workers: Count | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Elastic cluster: the most workers that it may be resized to; unset means that its size is fixed.",
    )
    single_job: bool = Field(
        default=False,
        description="Serve one job at a time; on Kubernetes, its driver may then start its own executors.",
    )
    queue_name: Line = Field(default="", description=f"Kubernetes: {QUEUE.format(what='the cluster')}")
    priority_class_name: Line = Field(
        default="", description=f"Kubernetes: {PRIORITY.format(what='the cluster')}"
    )
    driver_mem_gb: Amount = Field(
        default=1,
        ge=0.1,
        le=4096,
        description="Queue, with singleJob: memory in GiB that is kept beside the cluster for the job's driver.",
    )
    engine_version: EngineVersion = Field(default="", description=ENGINE_VERSION)
    env: Variables = Field(
        default_factory=dict, description="Environment variables of every process of the cluster."
    )
    secrets: SecretReferences = Field(
        default=(), description=f"Secrets of every process of the cluster: {SECRETS}"
    )
    storage_conn_id: Line = Field(
        default="",
        description="Airflow connection of type `aws` by which the cluster and its jobs reach S3: endpoint, region and "
        "credentials. Empty means the role of their machine or pod, and AWS.",
    )
    kubernetes: PodsBlock = Field(default_factory=dict, description=f"Kubernetes: {PODS}")

    @model_validator(mode="after")
    def _check_bounds(self) -> ClusterSpec:
        check_order(self.min_workers, self.max_workers)
        if self.max_workers is None:
            if self.min_workers is not None:
                raise ValueError("field minWorkers: only an elastic cluster has one; give maxWorkers, too")
            return self
        if self.launch_new_node:
            raise ValueError(
                "field maxWorkers: launchNewNode launches nodes for a fixed number of workers; leave one of them out"
            )
        if self.single_job and self.traits.has_drivers:
            raise ValueError(
                "field maxWorkers: singleJob serves one job, whose own maxWorkers says how many executors it asks for; "
                "leave one of them out"
            )
        if "workers" not in self.model_fields_set:
            self.__dict__["workers"] = self.min_size
        if not self.min_size <= self.workers <= self.max_workers:
            raise ValueError(
                f"field workers: {self.workers} is not from {self.min_size} to {self.max_workers}, which minWorkers "
                "and maxWorkers allow"
            )
        return self

    @property
    def is_elastic(self) -> bool:
        """Whether it can be resized."""
        return self.max_workers is not None

    @property
    def min_size(self) -> int:
        """The fewest workers that it ever has on purpose."""
        return (self.min_workers or 1) if self.is_elastic else self.workers

    @property
    def max_size(self) -> int:
        """The most workers that it ever has."""
        return self.max_workers or self.workers

    @property
    def engine(self) -> str:
        """The name of the engine that the type means."""
        return self.traits.name

    @property
    def traits(self) -> EngineTraits:
        """What sets the engine of the type apart."""
        return TYPES[self.type]

    @property
    def secret_values(self) -> tuple[str, ...]:
        """The values of its settings that are secrets."""
        return redaction().secrets_in(self.extra_configs | self.env)


class ClusterSize(Entity):
    """What an elastic cluster is resized to."""

    workers: Count = Field(ge=1, le=1000, description="Number of workers (Flink: TaskManagers).")


def check_order(least: int | None, most: int | None) -> None:
    """Refuse bounds of a number of workers that are the wrong way round.

    :raises ValueError: naming the field.
    """
    if least is not None and most is not None and least > most:
        raise ValueError(f"field minWorkers: {least} is more than maxWorkers, which is {most}")
