"""The specification of a job.

Field names and meanings are those of JobsTableEntity, section 2.1 of the dCluster API; each is accepted in snake_case
and in the API's camelCase. The fields after the blank line are this package's own. A field's description (Markdown)
is what the Trigger forms, the REST API and the documentation show.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from dcluster_provider.core.cluster_spec import (
    ENGINE_VERSION,
    EXTERNAL_NAMESPACE,
    PODS,
    PRIORITY,
    QUEUE,
    SECRETS,
    ClusterSpec,
    check_order,
)
from dcluster_provider.core.engine_traits import ENGINES, TYPES, ClusterType, EngineTraits
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.environment import SecretReferences, Variables
from dcluster_provider.core.fields import (
    LONGEST_TIME,
    Addresses,
    Amount,
    Arguments,
    Count,
    EngineVersion,
    Line,
    MavenCoordinates,
    MavenModules,
    Memory,
    Name,
    Path,
    Requirements,
    Seconds,
    Settings,
    Sql,
    WebAddresses,
)
from dcluster_provider.core.kubernetes_pods import PodsBlock
from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.sql_statements import split_statements

_BOUNDS = (
    "Spark: {bound} workers' worth of executors, counted as by numWorkers, which the job asks for and gives back as it "
    "needs them (dynamic allocation). Flink: {bound} workers that the job's own cluster may be resized to."
)
_DEPENDENCIES = tuple(dict.fromkeys(name for engine in ENGINES.values() for name in engine.dependencies))
_SAVEPOINT_SETTINGS = ("execution.state-recovery.path", "execution.savepoint.path")


class JobSpec(Entity):
    """An application to run on a cluster: JobsTableEntity of the dCluster API."""

    client: Name = Field(description="Client that the job is for.")
    module: Name = Field(description="What the job does; live jobs of one client and module are duplicates.")
    cluster_name: Line = Field(
        default="",
        description="Name of the cluster to run on; a job that names none gets a cluster of its own.",
    )
    extra_cmd: Settings = Field(
        default_factory=dict,
        description="Settings of the engine for this job, each under the engine's own name for it.",
    )
    driver_mem_gb: Amount = Field(default=1, ge=0.1, le=4096, description="Memory of the driver, in GiB.")
    worker_mem_gb: Amount | None = Field(
        default=None, ge=0.1, le=4096, description="Memory of each worker or executor, in GiB."
    )
    num_workers: Count | None = Field(
        default=None, ge=1, le=1000, description="Number of workers or executors."
    )
    email_recipients: Line = Field(
        default="", description="Email addresses to notify of a failure, separated by commas."
    )
    pipeline_version: Line = Field(
        default="", description="Version of the pipeline, passed to the application."
    )
    pipeline_config: Line = Field(
        default="", description="Configuration of the pipeline, passed to the application."
    )
    code_version: Line = Field(default="", description="Version of the code, passed to the application.")
    job_type: ClusterType = Field(
        default="spark3", description="Type of cluster that the job runs on, which selects the engine."
    )
    module_type: Line = Field(default="", description="Type of the module, passed to the application.")
    keep_alive: bool = Field(default=False, description="Keep the job's own cluster after the job has ended.")
    use_long_living_cluster: bool = Field(
        default=False,
        description="Run on the client's long-living cluster, which is launched if there is none.",
    )
    use_external_cluster: bool = Field(
        default=False,
        description="Run on an external cluster of the connection, which the cluster name selects.",
    )
    use_external_namespace: bool = Field(default=False, description=EXTERNAL_NAMESPACE)
    worker_cpu: Count | None = Field(
        default=None, ge=1, le=1024, description="Number of cores of each worker or executor."
    )
    worker_daemon_memory: Memory | None = Field(
        default=None, description="Heap of each worker's daemon on the job's own Spark cluster, as `2g`."
    )
    master_memory: Memory | None = Field(
        default=None, description="Memory of the master or JobManager of the job's own cluster, as `4g`."
    )
    docker_image_name: Line = Field(
        default="", description="Image that the job runs in, where the platform runs images."
    )

    cluster_id: Count | None = Field(
        default=None, ge=1, description="Id of the cluster to run on, instead of its name."
    )
    application: Path = Field(
        default="",
        description="File to run: `.py`, `.jar` or `.sql`; empty means `sql`, or else the connection's template.",
    )
    sql: Sql | None = Field(
        default=None,
        description="SQL to run instead of a file: statements that semicolons separate. As an argument of the operator "
        "also the name of a `.sql` file, a template that Airflow finds and renders.",
    )
    main_class: Line = Field(default="", description="Class to run in a jar whose manifest names none.")
    args: Arguments = Field(default=(), description="Arguments of the application.")
    allow_duplicate: bool | None = Field(
        default=None,
        description="Whether the job may run while another of its client and module is live; unset allows only those "
        "of the same task, in other DAG runs and mapped instances.",
    )
    savepoint: Path = Field(
        default="",
        description="Flink: folder of the savepoint or retained checkpoint that the job starts from.",
    )
    min_workers: Count | None = Field(
        default=None, ge=1, le=1000, description=_BOUNDS.format(bound="the fewest") + " Unset means 1."
    )
    max_workers: Count | None = Field(
        default=None,
        ge=1,
        le=1000,
        description=_BOUNDS.format(bound="the most") + " Unset means a fixed number, num_workers.",
    )
    returns_result: bool = Field(
        default=False,
        description="Keep the small result that the application prints to its log with the job.",
    )
    main_ended_timeout: Seconds | None = Field(
        default=None,
        ge=1,
        le=LONGEST_TIME,
        description="Spark: seconds after the end of the application at which a driver that still runs is stopped, "
        "and the job with it; unset means never.",
    )
    py_files: Addresses = Field(
        default=(),
        description="Python beside the application: modules (`.py`), `.zip`, `.egg` and `.whl` files, or folders, "
        "each a package. Files of this machine, or addresses that the engine reads itself.",
    )
    jars: Addresses = Field(
        default=(), description="Jars on the class path of the application and of its workers or executors."
    )
    files: Addresses = Field(
        default=(),
        description="Spark: files in the working folder of each executor, under their own names (`SparkFiles.get`).",
    )
    archives: Addresses = Field(
        default=(),
        description="Archives or folders that are unpacked where the application's Python runs: `data.zip#data` into "
        "the folder `data`.",
    )
    packages: MavenCoordinates = Field(
        default=(),
        description="Spark: Maven packages on the class path, each as `group:artifact:version`, and what they need.",
    )
    repositories: WebAddresses = Field(
        default=(), description="Spark: Maven repositories that packages come from, beside Maven Central."
    )
    exclude_packages: MavenModules = Field(
        default=(), description="Spark: Maven modules, `group:artifact`, that no package brings."
    )
    requirements: Requirements = Field(
        default=(),
        description="Python packages for the application, as pip reads them (`pandas==2.2.3`), or files of such lines "
        "(`.txt`) or wheels of this machine; installed before the application starts. Or one environment that "
        "conda-pack or venv-pack made (`.tar.gz`), whose Python runs the application.",
    )
    engine_version: EngineVersion = Field(
        default="",
        description=f"{ENGINE_VERSION} A cluster that the job names has to be of the same release.",
    )
    env: Variables = Field(
        default_factory=dict,
        description="Environment variables of the driver or client and of Spark's executors; of Flink's tasks on a "
        "cluster of the job's own.",
    )
    secrets: SecretReferences = Field(default=(), description=f"Secrets of the same processes: {SECRETS}")
    storage_conn_id: Line = Field(
        default="",
        description="Airflow connection of type `aws` by which the job reaches S3 (Spark; Flink on a cluster of the "
        "job's own), and by which its files at addresses are read that name none.",
    )
    queue_name: Line = Field(
        default="",
        description="Kubernetes: " + QUEUE.format(what="the job's own cluster, and its driver,"),
    )
    priority_class_name: Line = Field(
        default="", description=f"Kubernetes: {PRIORITY.format(what='the same')}"
    )
    kubernetes: PodsBlock = Field(default_factory=dict, description=f"Kubernetes: {PODS}")

    @model_validator(mode="after")
    def _check_application(self) -> JobSpec:
        kind, kinds = self.application_kind, self.traits.application_kinds
        if self.application and self.sql is not None:
            raise ValueError("field sql: application names a file to run, too; give one of them")
        if self.application and kind not in kinds:
            named = " nor ".join(f"a .{each}" for each in kinds)
            raise ValueError(f"field application: {self.application!r} is neither {named} file")
        if self.main_class and kind in ("py", "sql"):
            raise ValueError(f"field mainClass: a .{kind} application has no main class; leave it out")
        if self.args and kind == "sql":
            raise ValueError(
                "field args: SQL takes no arguments; write the values into it, by a template or as ${env:NAME} from env"
            )
        if self.cluster_id is not None and self.cluster_name:
            raise ValueError("field clusterId: clusterName names a cluster too; give one of them")
        return self

    @model_validator(mode="after")
    def _check_bounds(self) -> JobSpec:
        check_order(self.min_workers, self.max_workers)
        if self.max_workers is None:
            if self.min_workers is not None:
                raise ValueError("field minWorkers: means something beside maxWorkers alone; give that, too")
            return self
        least = self.min_workers or 1
        if self.num_workers is not None and not least <= self.num_workers <= self.max_workers:
            raise ValueError(
                f"field numWorkers: {self.num_workers} is not from {least} to {self.max_workers}, which minWorkers and "
                "maxWorkers allow; it is the number that the job begins with"
            )
        return self

    @model_validator(mode="after")
    def _check_queue(self) -> JobSpec:
        for name in ("queue_name", "priority_class_name"):
            if getattr(self, name) and self.names_cluster:
                raise ValueError(
                    f"field {to_camel(name)}: the job names a cluster, which has a queue of its own; leave one out"
                )
        return self

    @model_validator(mode="after")
    def _check_sql(self) -> JobSpec:
        if self.sql is not None:
            try:
                statements = split_statements(self.sql, self.traits.sql)
            except ValueError as error:
                raise ValueError(f"field sql: {error}") from None
            if not statements:
                raise ValueError("field sql: has no statement in it")
        return self

    @model_validator(mode="after")
    def _check_main_ended_timeout(self) -> JobSpec:
        if self.main_ended_timeout is not None and not self.traits.has_drivers:
            raise ValueError(
                f"field mainEndedTimeout: only Spark has drivers; jobType is {self.job_type!r}, leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_dependencies(self) -> JobSpec:
        for name in _DEPENDENCIES:
            if getattr(self, name) and name not in self.traits.dependencies:
                takes = ", ".join(to_camel(each) for each in self.traits.dependencies)
                raise ValueError(
                    f"field {to_camel(name)}: means nothing to {self.traits.title}, whose jobs bring {takes}; jobType "
                    f"is {self.job_type!r}, leave it out"
                )
        return self

    @model_validator(mode="after")
    def _check_savepoint(self) -> JobSpec:
        if self.savepoint and not self.traits.has_savepoints:
            raise ValueError(
                f"field savepoint: only Flink jobs start from one; jobType is {self.job_type!r}, write 'flink' or "
                "leave savepoint out"
            )
        for setting in _SAVEPOINT_SETTINGS:
            if self.savepoint and setting in self.extra_cmd:
                raise ValueError(f"field savepoint: extraCmd names one too, in {setting}; give one of them")
        return self

    @property
    def engine(self) -> str:
        """The name of the engine that the job type means."""
        return self.traits.name

    @property
    def traits(self) -> EngineTraits:
        """What sets the engine of the job type apart."""
        return TYPES[self.job_type]

    @property
    def application_kind(self) -> str:
        """What its application is: ``py``, ``jar`` or ``sql``; the suffix as it is of another file."""
        return "sql" if self.sql is not None else self.application.rsplit(".", 1)[-1].lower()

    @property
    def secret_values(self) -> tuple[str, ...]:
        """The values of its settings, arguments and SQL that are secrets."""
        rules = redaction()
        found = rules.secrets_in(self.extra_cmd | self.env, self.args)
        return (*found, *rules.secrets_in_sql(self.sql or ""))

    @property
    def names_cluster(self) -> bool:
        """Whether the job names the cluster to run on."""
        return bool(self.cluster_name) or self.cluster_id is not None

    def _elastic_size(self) -> dict[str, Any]:
        """The size of its own cluster: workers for all executors that it may ask for, or bounds for resizing it."""
        if self.traits.has_drivers:
            return {"workers": self.max_workers}
        least = self.min_workers or 1
        return {
            "workers": self.num_workers or least,
            "min_workers": least,
            "max_workers": self.max_workers,
        }

    def own_cluster(self) -> ClusterSpec:
        """The cluster that the job gets when it names none, sized by the job's own fields."""
        fields: dict[str, Any] = {
            "tenant": self.client,
            "type": self.job_type,
            "workers": self.num_workers or 1,
            "worker_cpu": str(self.worker_cpu or 1),
            "long_living": self.use_long_living_cluster,
            "single_job": not (self.keep_alive or self.use_long_living_cluster),
            "use_external_namespace": self.use_external_namespace,
            "engine_version": self.engine_version,
            "queue_name": self.queue_name,
            "priority_class_name": self.priority_class_name,
            "driver_mem_gb": self.driver_mem_gb,
        }
        if not self.use_long_living_cluster:  # others use that one, too
            fields |= {
                "env": self.env,
                "secrets": self.secrets,
                "storage_conn_id": self.storage_conn_id,
                "kubernetes": self.kubernetes,
            }
        if self.max_workers is not None:
            fields |= self._elastic_size()
        if self.worker_mem_gb is not None:
            fields["worker_memory"] = f"{self.worker_mem_gb:g}Gi"
        if self.master_memory is not None:
            fields["master_memory"] = self.master_memory
        return ClusterSpec(**fields)
