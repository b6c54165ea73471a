"""The ``kubernetes`` block of a specification as what is laid over a pod template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dcluster_provider.core.addresses import AWS_VARIABLES
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.environment import SECRETS_FOLDER, SecretReference, references
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import KubernetesPods, PodFields, PodRole
from dcluster_provider.platforms.kubernetes.manifests.overlay import overlaid, parse_overlay
from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER

Json = dict[str, Any]
SECRETS_PATH = "/etc/dcluster/secrets"


def check_blocks(spec: ClusterSpec | JobSpec) -> None:
    """Refuse a block that cannot be laid over a pod.

    :raises InvalidSpec: naming what is wrong in it.
    """
    block = KubernetesPods.model_validate(spec.kubernetes)
    for role, fields in (("", block), *((f".roles.{role}", fields) for role, fields in block.roles.items())):
        try:
            for patch in _patches(fields):
                parse_overlay(patch, f"kubernetes{role}")
        except InvalidSpec as error:
            raise InvalidSpec(f"{type(spec).__name__}: field {error}") from None


def with_blocks(template: Json, role: PodRole, *specs: ClusterSpec | JobSpec) -> Json:
    """A pod template with what specifications say of the pods of a role, the later over the earlier."""
    for fields in _said_of(role, specs):
        for patch in _patches(fields):
            template = overlaid(template, patch)
    return template


def image_in_blocks(role: PodRole, *specs: ClusterSpec | JobSpec) -> str:
    """The image that specifications name for the pods of a role, the last that does; empty when none does."""
    return next((fields.image for fields in reversed(_said_of(role, specs)) if fields.image), "")


def stored_key(reference: SecretReference) -> str:
    """The key under which a secret of Airflow's is in the Secret of its cluster or job."""
    return variable_key(reference.name) if reference.env else f"secret.file.{reference.name}"


def variable_key(name: str) -> str:
    """The same for a secret that is a variable."""
    return f"secret.env.{name}"


def environment_patch(specs: Mapping[str, ClusterSpec | JobSpec]) -> Json:
    """The variables and secrets of specifications, the later over the earlier.

    :param specs: by the name of the Secret that has those of their secrets that are Airflow's.
    """
    env: dict[str, Json] = {}
    files: dict[str, Json] = {}
    for name, spec in specs.items():
        if spec.storage_conn_id:
            env |= {variable: _credential(name, variable) for variable in AWS_VARIABLES}
        env |= {key: {"value": text.replace("$", "$$")} for key, text in spec.env.items()}
        for each in references(spec.secrets):
            secret, key = each.kubernetes.split("/") if each.kubernetes else (name, stored_key(each))
            if each.env:
                env[each.env] = {"valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            else:
                files[each.file] = {"secret": {"name": secret, "items": [{"key": key, "path": each.file}]}}
    if not files:
        return {"spec": {"containers": [_engine(env)]}}
    engine = _engine(env | {SECRETS_FOLDER: {"value": SECRETS_PATH}})
    engine["volumeMounts"] = [{"name": "named-secrets", "mountPath": SECRETS_PATH, "readOnly": True}]
    volume = {"name": "named-secrets", "projected": {"sources": list(files.values()), "defaultMode": 0o440}}
    return {"spec": {"containers": [engine], "volumes": [volume]}}


def _credential(secret: str, variable: str) -> Json:
    """Optional, since what a connection has is known only when it is read: a role, for instance, has no key."""
    reference = {"name": secret, "key": variable_key(variable), "optional": True}
    return {"valueFrom": {"secretKeyRef": reference}}


def _engine(env: Mapping[str, Json]) -> Json:
    return {"name": ENGINE_CONTAINER, "env": [{"name": name, **value} for name, value in env.items()]}


def _said_of(role: PodRole, specs: Iterable[ClusterSpec | JobSpec]) -> list[PodFields]:
    """What specifications say of a role; a job's own cluster has the job's block, which counts once."""
    blocks: list[Json] = []
    for spec in specs:
        if spec.kubernetes not in blocks:
            blocks.append(spec.kubernetes)
    return [fields for block in blocks for fields in KubernetesPods.model_validate(block).of_role(role)]


def _patches(fields: PodFields) -> list[Json]:
    metadata = {"labels": fields.labels, "annotations": fields.annotations}
    engine: Json = {"name": ENGINE_CONTAINER}
    if fields.image:
        engine["image"] = fields.image
    if fields.resources:
        engine["resources"] = {"requests": fields.resources, "limits": fields.resources}
    mounted = [("config-map", name, folder) for name, folder in fields.config_maps.items()]
    mounted += [("claim", name, folder) for name, folder in fields.claims.items()]
    engine["volumeMounts"] = [
        {"name": f"{kind}-{name}", "mountPath": folder} for kind, name, folder in mounted
    ] + list(fields.volume_mounts)
    volumes = [_volume(kind, name) for kind, name, _ in mounted] + list(fields.volumes)
    spec: Json = {
        "nodeSelector": fields.node_selector,
        "affinity": fields.affinity,
        "tolerations": list(fields.tolerations),
        "imagePullSecrets": [{"name": name} for name in fields.image_pull_secrets],
        "initContainers": list(fields.init_containers),
        "volumes": volumes,
        "serviceAccountName": fields.service_account,
        "containers": [engine, *fields.sidecars],
    }
    patch = {
        "metadata": {name: value for name, value in metadata.items() if value},
        "spec": {name: value for name, value in spec.items() if value},
    }
    return [patch, *([fields.pod_template] if fields.pod_template else [])]


def _volume(kind: str, name: str) -> Json:
    if kind == "claim":
        return {"name": f"claim-{name}", "persistentVolumeClaim": {"claimName": name}}
    return {"name": f"config-map-{name}", "configMap": {"name": name}}
