"""What a specification says of the pods of a cluster or job on Kubernetes, beside what its connection says of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from dcluster_provider.core.entity import Entity
from dcluster_provider.core.errors import explain, nearest
from dcluster_provider.core.fields import Line, json_object

PodRole = Literal["master", "worker", "driver", "executor", "client"]
_ROLES = get_args(PodRole)
_ALSO = {"jobmanager": "master", "taskmanager": "worker"}  # Flink's words
Json = dict[str, Any]


class PodFields(Entity):
    """Fields of a pod, each in Kubernetes' own form; maps and lists are added to what the connection says."""

    image: Line = Field(default="", description="Image of the engine's container.")
    image_pull_secrets: tuple[Line, ...] = Field(default=(), description="Names of Secrets.")
    service_account: Line = Field(default="", description="Name of the service account.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels of the pods.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations of the pods.")
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Labels of nodes that pods go to."
    )
    tolerations: tuple[Json, ...] = Field(default=(), description="Tolerations of the pods.")
    affinity: Json = Field(default_factory=dict, description="Affinity of the pods.")
    resources: dict[str, str] = Field(
        default_factory=dict,
        description='Resources of the engine\'s container beside processor and memory, as {"nvidia.com/gpu": "1"}.',
    )
    config_maps: dict[str, str] = Field(
        default_factory=dict, description="ConfigMaps of the engine's container: name to folder."
    )
    claims: dict[str, str] = Field(
        default_factory=dict, description="PersistentVolumeClaims of the engine's container: name to folder."
    )
    volumes: tuple[Json, ...] = Field(default=(), description="Volumes of the pods.")
    volume_mounts: tuple[Json, ...] = Field(
        default=(), description="Where the engine's container has volumes."
    )
    init_containers: tuple[Json, ...] = Field(
        default=(), description="Containers that run before the engine."
    )
    sidecars: tuple[Json, ...] = Field(default=(), description="Containers that run beside the engine.")
    pod_template: Json = Field(
        default_factory=dict,
        description="A strategic merge patch with metadata and spec, for everything else.",
    )

    @field_validator("resources", mode="before")
    @classmethod
    def _amounts_alone(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not value.keys().isdisjoint({"limits", "requests"}):
            raise ValueError('has the amounts alone, which are limits: write {"nvidia.com/gpu": "1"}')
        return value

    @field_validator("resources", "labels", "annotations", "node_selector", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: str(item) if type(item) in (int, float) else item for name, item in value.items()}


class KubernetesPods(PodFields):
    """What is said of all pods, and of those of single roles."""

    roles: dict[str, PodFields] = Field(
        default_factory=dict,
        description=f"The same fields for the pods of one role: {', '.join(_ROLES)}.",
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _known_roles(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        known = {_ALSO.get(str(name).lower(), str(name)): item for name, item in value.items()}
        for name in known:
            if name not in _ROLES:
                choice = nearest(name, set(_ROLES) | set(_ALSO)) or f"; the roles are {', '.join(_ROLES)}"
                raise ValueError(f"{name}: is no role{choice}")
        return known

    def of_role(self, role: PodRole) -> list[PodFields]:
        """What is said of the pods of a role, the general first."""
        return [self, *([self.roles[role]] if role in self.roles else [])]


def _pods(value: Any) -> Any:
    """The block as JSON, checked and with no more than was said."""
    value = json_object(value, '{"nodeSelector": {"disk": "ssd"}}')
    try:
        read = KubernetesPods.model_validate(value)
    except ValidationError as error:
        raise ValueError(explain(error)) from None
    return read.model_dump(mode="json", exclude_defaults=True, by_alias=True)


PodsBlock = Annotated[dict[str, Any], BeforeValidator(_pods)]
