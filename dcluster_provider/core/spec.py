"""The specifications of clusters and jobs, and their validation.

Field names and meanings are those of ClusterEntity (section 1.2) and JobsTableEntity (section 2.1) of the dCluster
API; each is accepted in snake_case and in the API's camelCase. The fields after the blank line in each class are
this package's own. A field's description (Markdown) is what the Trigger forms, the REST API and the documentation show.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dcluster_provider.core.engine_traits import ENGINES, TYPES, ClusterType, EngineTraits
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.environment import SecretReferences, Variables
from dcluster_provider.core.errors import InvalidSpec, explain
from dcluster_provider.core.fields import (
    LONGEST_TIME,
    Addresses,
    Amount,
    Arguments,
    Count,
    Cpu,
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
    Suffix,
    WebAddresses,
)
from dcluster_provider.core.kubernetes_pods import PodsBlock
from dcluster_provider.core.redaction import REDACTED, redaction
from dcluster_provider.core.sql_statements import split_statements

Spec = TypeVar("Spec", bound="Entity")

_EXTERNAL_NAMESPACE = (
    "Run in the connection's namespace for external work, where the platform has namespaces."
)
_ENGINE_VERSION = (
    "Release of the engine (`4.1`, for its newest tested patch) or one of its patches (`4.1.4`); empty means the "
    "connection's default for the type."
)
_SECRETS = (
    "where each is, never its value: `env` or `file` names it for the process, `connection` (with `part`), `variable` "
    "or `kubernetes` (`NAME/KEY` of a Secret) says where it comes from."
)
_PODS = (
    "fields of the pods beside what the connection says: image, serviceAccount, nodeSelector, tolerations, resources, "
    "volumes, sidecars, podTemplate and so on; `roles` has those of single roles."
)
_BOUNDS = (
    "Spark: {bound} workers' worth of executors, counted as by numWorkers, which the job asks for and gives back as it "
    "needs them (dynamic allocation). Flink: {bound} workers that the job's own cluster may be resized to."
)
_DEPENDENCIES = tuple(dict.fromkeys(name for engine in ENGINES.values() for name in engine.dependencies))
_SAVEPOINT_SETTINGS = ("execution.state-recovery.path", "execution.savepoint.path")


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
    use_external_namespace: bool = Field(default=False, description=_EXTERNAL_NAMESPACE)
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
    engine_version: EngineVersion = Field(default="", description=_ENGINE_VERSION)
    env: Variables = Field(
        default_factory=dict, description="Environment variables of every process of the cluster."
    )
    secrets: SecretReferences = Field(
        default=(), description=f"Secrets of every process of the cluster: {_SECRETS}"
    )
    storage_conn_id: Line = Field(
        default="",
        description="Airflow connection of type `aws` by which the cluster and its jobs reach S3: endpoint, region and "
        "credentials. Empty means the role of their machine or pod, and AWS.",
    )
    kubernetes: PodsBlock = Field(default_factory=dict, description=f"Kubernetes: {_PODS}")

    @model_validator(mode="after")
    def _check_bounds(self) -> ClusterSpec:
        _check_order(self.min_workers, self.max_workers)
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
    use_external_namespace: bool = Field(default=False, description=_EXTERNAL_NAMESPACE)
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
        "(`.txt`) or wheels of this machine; installed before the application starts.",
    )
    engine_version: EngineVersion = Field(
        default="",
        description=f"{_ENGINE_VERSION} A cluster that the job names has to be of the same release.",
    )
    env: Variables = Field(
        default_factory=dict,
        description="Environment variables of the driver or client and of Spark's executors; of Flink's tasks on a "
        "cluster of the job's own.",
    )
    secrets: SecretReferences = Field(default=(), description=f"Secrets of the same processes: {_SECRETS}")
    storage_conn_id: Line = Field(
        default="",
        description="Airflow connection of type `aws` by which the job reaches S3 (Spark; Flink on a cluster of the "
        "job's own), and by which its files at addresses are read that name none.",
    )
    kubernetes: PodsBlock = Field(default_factory=dict, description=f"Kubernetes: {_PODS}")

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
        _check_order(self.min_workers, self.max_workers)
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


def _check_order(least: int | None, most: int | None) -> None:
    if least is not None and most is not None and least > most:
        raise ValueError(f"field minWorkers: {least} is more than maxWorkers, which is {most}")


def parse(kind: type[Spec], value: Spec | dict[str, Any] | str) -> Spec:
    """Read a specification.

    :param kind: :class:`ClusterSpec` or :class:`JobSpec`.
    :param value: one already read, a mapping with snake_case or camelCase names, or JSON text of such an object.
    :raises InvalidSpec: it cannot be accepted; the message names each field and, for an unknown one, the nearest.
    """
    if isinstance(value, kind):
        return value
    try:
        if isinstance(value, str):
            value = json.loads(value)
        return kind.model_validate(value)
    except json.JSONDecodeError as error:
        raise InvalidSpec(
            f"{kind.__name__}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except ValidationError as error:
        raise InvalidSpec(f"{kind.__name__}: {explain(error)}") from None


def reject_redacted(spec: Spec) -> Spec:
    """The specification, unless it was copied from where its secrets are not shown.

    :raises InvalidSpec: naming the setting, or the field.
    """
    settings: dict[str, str] = getattr(spec, "extra_cmd", None) or getattr(spec, "extra_configs", None) or {}
    settings = settings | getattr(spec, "env", {})
    copied = [name for name, value in settings.items() if REDACTED in value]
    copied += ["sql"] if REDACTED in (getattr(spec, "sql", None) or "") else []
    lists = {name: value for name, value in spec if isinstance(value, tuple)}
    copied += [to_camel(name) for name, texts in lists.items() if any(REDACTED in text for text in texts)]
    if copied:
        raise InvalidSpec(
            f"{type(spec).__name__}: {', '.join(copied)}: the value is not there, only what is shown in its place; "
            "write the secret itself"
        )
    return spec
