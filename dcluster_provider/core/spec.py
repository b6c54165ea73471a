"""What a user asks for: a cluster or a job, every field checked where it enters.

Field names and meanings are those of ClusterEntity (section 1.2) and JobsTableEntity (section 2.1) of the dCluster
API; each is accepted in snake_case and in the API's camelCase. The fields after the blank line in each class are
this package's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dcluster_provider.core.engine_traits import ENGINES, TYPES, EngineTraits
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import explain, nearest
from dcluster_provider.core.fields import (
    LONGEST_TIME,
    Amount,
    Arguments,
    ClusterType,
    Count,
    Cpu,
    Line,
    Memory,
    Name,
    Path,
    Seconds,
    Settings,
    Suffix,
)
from dcluster_provider.core.redaction import REDACTED, redaction

Spec = TypeVar("Spec", bound="Entity")

_SAVEPOINT_SETTINGS = ("execution.state-recovery.path", "execution.savepoint.path")


class Entity(BaseModel):
    """A specification whose unknown fields are refused with the nearest known one."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        validate_default=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_fields(cls, value: Any) -> Any:
        """Refuse unknown fields; take one that is null as one that was not given, as answers show it."""
        if isinstance(value, dict):
            known = field_names(cls)
            for name in value:
                if name not in known:
                    hint = nearest(str(name), known) or f"; the fields are {', '.join(cls.model_fields)}"
                    raise ValueError(f"unknown field {name!r}{hint}")
            return {name: item for name, item in value.items() if item is not None}
        return value

    def as_json(self) -> dict[str, Any]:
        """The specification with the API's camelCase names."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values in it that are secrets by their names, and long enough to be told from other words."""
        return ()

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """What pydantic shows of it: no secrets."""
        rules = redaction()
        return ((name, rules.json(value, name)) for name, value in self)


class ClusterSpec(Entity):
    """A Spark or Flink cluster: ClusterEntity.

    :param tenant: who the cluster is for; part of its name.
    :param workers: number of workers (Flink: TaskManagers), 1 to 1000.
    :param worker_cpu: CPU of each worker, a Kubernetes quantity (``2``, ``500m``).
    :param worker_memory: memory of each worker (``8Gi``).
    :param master_cpu: CPU of the Spark master or Flink JobManager.
    :param master_memory: memory of the Spark master or Flink JobManager.
    :param type: ``spark``, ``spark3`` or ``flink``.
    :param use_on_demand_master: keep the master off spot capacity.
    :param extra_configs: engine settings, JSON text or a mapping.
    :param launch_new_node: launch nodes for this cluster.
    :param launch_dynamic_disk: give the workers disks of their own.
    :param use_external_namespace: run in the namespace for external work.
    :param cluster_suffix: appended to the generated name.
    :param long_living: the cluster is shared by jobs and outlives the run that launched it.
    :param idle_timeout: seconds without a job after which the cluster is ended; none means the connection's default.
    :param max_lifetime: seconds after its launch at which the cluster is ended; none means the connection's default.
    :param single_job: the cluster serves one job at a time; a platform may leave its workers to the job.
    """

    tenant: Name
    workers: Count = Field(default=1, ge=1, le=1000)
    worker_cpu: Cpu = "1"
    worker_memory: Memory = "2Gi"
    master_cpu: Cpu = "1"
    master_memory: Memory = "1Gi"
    type: ClusterType = "spark3"
    use_on_demand_master: bool = False
    extra_configs: Settings = Field(default_factory=dict)
    launch_new_node: bool = False
    launch_dynamic_disk: bool = False
    use_external_namespace: bool = False
    cluster_suffix: Suffix = ""

    long_living: bool = False
    idle_timeout: Seconds | None = Field(default=None, ge=1, le=LONGEST_TIME)
    max_lifetime: Seconds | None = Field(default=None, ge=1, le=LONGEST_TIME)
    single_job: bool = False

    @property
    def engine(self) -> str:
        """The name of the engine that the type means."""
        return self.traits.name

    @property
    def traits(self) -> EngineTraits:
        """What sets the engine of the type apart."""
        return TYPES[self.type]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of its settings that are secrets."""
        return redaction().secrets_in(self.extra_configs)


class JobSpec(Entity):
    """An application to run on a cluster: JobsTableEntity.

    :param client: who the job is for.
    :param module: what the job does; client and module together are what a duplicate repeats.
    :param cluster_name: the cluster to run on; empty means the job gets a cluster of its own.
    :param extra_cmd: engine settings of the job, JSON text or a mapping.
    :param driver_mem_gb: memory of the driver in GiB.
    :param worker_mem_gb: memory of each worker or executor in GiB.
    :param num_workers: number of workers or executors.
    :param email_recipients: addresses, separated by commas, told of a failure.
    :param pipeline_version: handed to the application.
    :param pipeline_config: handed to the application.
    :param code_version: handed to the application.
    :param job_type: the engine: ``spark``, ``spark3`` or ``flink``.
    :param module_type: handed to the application.
    :param keep_alive: keep the job's own cluster after the job has ended.
    :param use_long_living_cluster: run on the client's long-living cluster.
    :param use_external_cluster: run on a cluster that is not ours.
    :param use_external_namespace: run in the namespace for external work.
    :param worker_cpu: cores of each worker or executor.
    :param worker_daemon_memory: heap of each worker's own process on the job's own Spark cluster (``2g``).
    :param master_memory: memory of the master of the job's own cluster (``4g``).
    :param docker_image_name: image of the job where the platform runs images.
    :param cluster_id: the cluster to run on, by id instead of name.
    :param application: the file to run: ``.py``, ``.jar`` or, on Flink, ``.sql``.
    :param main_class: the class to run in a jar that names none.
    :param args: arguments of the application.
    :param allow_duplicate: run even while a job of the same client and module is live; when it is left out, only jobs
        of the same task of a DAG (its other runs and mapped instances) may be live beside it.
    :param savepoint: Flink: folder of a savepoint (or retained checkpoint) that the job starts from.
    :param returns_result: the application hands back a small result in its log, which is kept with the job.
    :param main_ended_timeout: Spark: seconds after the end of the job's application at which a driver that goes on is
        ended, and with it the job; none means never.
    """

    client: Name
    module: Name
    cluster_name: Line = ""
    extra_cmd: Settings = Field(default_factory=dict)
    driver_mem_gb: Amount = Field(default=1, ge=0.1, le=4096)
    worker_mem_gb: Amount | None = Field(default=None, ge=0.1, le=4096)
    num_workers: Count | None = Field(default=None, ge=1, le=1000)
    email_recipients: Line = ""
    pipeline_version: Line = ""
    pipeline_config: Line = ""
    code_version: Line = ""
    job_type: ClusterType = "spark3"
    module_type: Line = ""
    keep_alive: bool = False
    use_long_living_cluster: bool = False
    use_external_cluster: bool = False
    use_external_namespace: bool = False
    worker_cpu: Count | None = Field(default=None, ge=1, le=1024)
    worker_daemon_memory: Memory | None = None
    master_memory: Memory | None = None
    docker_image_name: Line = ""

    cluster_id: Count | None = Field(default=None, ge=1)
    application: Path = ""
    main_class: Line = ""
    args: Arguments = ()
    allow_duplicate: bool | None = None
    savepoint: Path = ""
    returns_result: bool = False
    main_ended_timeout: Seconds | None = Field(default=None, ge=1, le=LONGEST_TIME)

    @model_validator(mode="after")
    def _check_application(self) -> JobSpec:
        kind = self.application.rsplit(".", 1)[-1].lower()
        engines = [engine for engine in ENGINES.values() if kind in engine.application_kinds]
        if self.application and not engines:
            raise ValueError(
                f"field application: {self.application!r} is neither a .py, a .jar nor a .sql file"
            )
        if self.application and self.traits not in engines:
            raise ValueError(
                f"field application: a .{kind} file runs on {engines[0].title}; jobType is {self.job_type!r}, write "
                f"{engines[0].name!r}"
            )
        if self.main_class and kind == "py":
            raise ValueError("field mainClass: a .py application has no main class; leave it out")
        if self.cluster_id is not None and self.cluster_name:
            raise ValueError("field clusterId: clusterName names a cluster too; give one of them")
        return self

    @model_validator(mode="after")
    def _check_main_ended_timeout(self) -> JobSpec:
        if self.main_ended_timeout is not None and not self.traits.has_drivers:
            raise ValueError(
                f"field mainEndedTimeout: only Spark has drivers; jobType is {self.job_type!r}, leave it out"
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
    def secrets(self) -> tuple[str, ...]:
        """The values of its settings and arguments that are secrets."""
        return redaction().secrets_in(self.extra_cmd, self.args)

    @property
    def names_cluster(self) -> bool:
        """Whether the job asks for a given cluster."""
        return bool(self.cluster_name) or self.cluster_id is not None

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
        }
        if self.worker_mem_gb is not None:
            fields["worker_memory"] = f"{self.worker_mem_gb:g}Gi"
        if self.master_memory is not None:
            fields["master_memory"] = self.master_memory
        return ClusterSpec(**fields)


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
    copied = [name for name, value in settings.items() if REDACTED in value]
    copied += ["args"] if any(REDACTED in argument for argument in getattr(spec, "args", ())) else []
    if copied:
        raise InvalidSpec(
            f"{type(spec).__name__}: {', '.join(copied)}: the value is not there, only what is shown in its place; "
            "write the secret itself"
        )
    return spec


@cache
def field_names(kind: type[Entity]) -> frozenset[str]:
    """Every accepted name of the fields of an entity, snake_case and camelCase."""
    names = frozenset(kind.model_fields)
    return names | {to_camel(name) for name in names}
