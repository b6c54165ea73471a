"""Whether images can be pulled and run: by a pod for each, made just as those of clusters are."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, get_args

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.engine_traits import ClusterType
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.platforms.capabilities import Check, Outcome
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis import (
    GracePeriods,
    broken_pod,
    ended_pod,
    refused_pods,
    refused_request,
)
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import root
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    CLUSTER,
    PREFIX,
    Place,
    cluster_labels,
    metadata,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import EngineContainer, pod_template
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, Pod, read_event, read_pod
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_TRIAL = PREFIX + "image-trial"  # label of a pod: the cluster type that it stands for
_READS_S3 = "reads S3"  # the last words of a pod whose image has the jars for it
_LOOK = f"""for jar in JARS; do [ ! -e "$jar" ] || echo "{_READS_S3}" >/dev/termination-log; done"""
_SECONDS = 90.0  # for all of them; a large image takes longer, which is said and is no failure
_KEPT_SECONDS = 60  # that an ended trial stays when nobody is left to remove it
_POLL = 0.5
_GRACE_PERIODS = GracePeriods(unschedulable=20, mount=45)
_TYPES: tuple[ClusterType, ...] = get_args(ClusterType)


@dataclass
class _Trial:
    """One image on trial.

    :param kind: a cluster type that it is for.
    :param fields: of the connection that name it.
    """

    image: str
    kind: ClusterType
    fields: str
    manifest: Json
    check: Check | None = None
    began: float = field(default_factory=time.monotonic)

    def decide(self, found: Diagnosis) -> None:
        outcome: Outcome = "warning" if found.code.is_shortage else "failed"
        evidence = f" ({found.evidence[-1]})" if found.evidence else ""
        self.check = Check(self.title, outcome, found.cause + evidence, found.remedy)

    @property
    def title(self) -> str:
        return f"image {self.image} ({self.fields})"

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])


def try_images(
    settings: KubernetesSettings, api: KubernetesApi, namespace: str, registry_id: str = ""
) -> Iterator[Check]:
    """Run every image of the connection once in a namespace; the results in the order of the images.

    Everything is below one root, as with a cluster, and goes with it.

    :param registry_id: of the registry whose clean-up finds what is left of the trial.
    """
    cluster = replace(trial_cluster(settings, "spark3"), registry_id=registry_id)
    roots = collection("ConfigMap", namespace)
    try:
        made = api.ensure(roots, root(cluster, namespace))
    except ApiRefused as refusal:
        found = refused_request(refusal, "the trial of the images", namespace)
        yield Check("images", "failed", found.cause, found.remedy)
        return
    try:
        place = Place(namespace, made["metadata"]["uid"])
        trials = [_trial(settings, cluster, place, kinds) for kinds in _by_image(settings)]
        for trial in trials:
            _start(settings, api, namespace, trial)
        _wait(api, namespace, cluster, trials)
        yield from (trial.check or _still_going(trial) for trial in trials)
    finally:
        api.delete(f"{roots}/{cluster.name}", "Foreground", made["metadata"]["uid"])


def _by_image(settings: KubernetesSettings) -> list[list[ClusterType]]:
    """The cluster types of each image."""
    by_image: dict[str, list[ClusterType]] = {}
    for kind in _TYPES:
        by_image.setdefault(settings.image(_spec_of(kind)), []).append(kind)
    return list(by_image.values())


def _spec_of(kind: ClusterType) -> ClusterSpec:
    return ClusterSpec(tenant="doctor", type=kind)


def _trial(settings: KubernetesSettings, cluster: Cluster, place: Place, kinds: list[ClusterType]) -> _Trial:
    kind = kinds[0]
    typed = replace(cluster, spec=_spec_of(kind))
    image, fields = settings.image(typed.spec), ", ".join(f"{each}_image" for each in kinds)
    labels = cluster_labels(typed) | {_TRIAL: kind}
    script = _LOOK.replace("JARS", pod_engine(typed.spec).s3_jars)
    container = EngineContainer(image, script, (), "10m", 64, {})
    template = pod_template(settings, typed, "worker", container, labels, grace_seconds=1)
    template["spec"]["restartPolicy"] = "Never"
    manifest: Json = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(f"{cluster.name}-{kind}", place, cluster_labels(cluster)),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(_SECONDS) * 2,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": template,
        },
    }
    return _Trial(image, kind, fields, manifest)


def _start(settings: KubernetesSettings, api: KubernetesApi, namespace: str, trial: _Trial) -> None:
    try:
        api.ensure(collection("Job", namespace), trial.manifest)
    except ApiRefused as refusal:
        trial.decide(refused_request(refusal, f"a pod of {trial.image}", namespace, settings.overlay))


def _wait(api: KubernetesApi, namespace: str, cluster: Cluster, trials: list[_Trial]) -> None:
    """Look at the pods until each trial is decided or the time is up."""
    deadline = time.monotonic() + _SECONDS
    query = {"labelSelector": f"{CLUSTER}={cluster.name}"}
    while any(trial.check is None for trial in trials) and time.monotonic() < deadline:
        items, _ = api.list(collection("Pod", namespace), query)
        pods = {item["metadata"]["labels"][_TRIAL]: read_pod(item) for item in items}
        events = _events(api, namespace, cluster)
        for trial in trials:
            if trial.check is None:
                _poll(trial, pods.get(trial.kind), events)
        time.sleep(_POLL)


def _poll(trial: _Trial, pod: Pod | None, events: list[KubernetesEvent]) -> None:
    now = datetime.now(timezone.utc)
    if pod is None:
        own = [event for event in events if event.name == trial.name]
        found = refused_pods(own, now, _GRACE_PERIODS)
    elif pod.phase == "Succeeded":
        trial.check = Check(trial.title, "ok", _told_of(trial, pod))
        return
    elif pod.phase == "Failed":
        found = ended_pod(pod, "The trial of the image")
    else:
        found = broken_pod(pod, now, _GRACE_PERIODS, events)
    if found is not None:
        trial.decide(found)


def _told_of(trial: _Trial, pod: Pod) -> str:
    seconds = time.monotonic() - trial.began
    reads_s3 = any(_READS_S3 in each.exit_message for each in pod.containers)
    s3 = "it reads S3" if reads_s3 else pod_engine(_spec_of(trial.kind)).without_s3
    return f"was pulled and run on node {pod.node} in {seconds:.0f} s; {s3}"


def _events(api: KubernetesApi, namespace: str, cluster: Cluster) -> list[KubernetesEvent]:
    try:
        items, _ = api.list(collection("Event", namespace), {"fieldSelector": "type=Warning"})
    except ApiRefused:
        return []
    events: list[Any] = [read_event(item) for item in items]
    return [event for event in events if event.name.startswith(cluster.name)]


def _still_going(trial: _Trial) -> Check:
    return Check(
        trial.title,
        "warning",
        f"was not decided within {_SECONDS:.0f} s: the image is large, its registry slow, or the node busy",
        "Pull it on the nodes ahead, or try again: a pull that was begun goes on.",
    )


def trial_cluster(settings: KubernetesSettings, cluster_type: ClusterType, name: str = "") -> Cluster:
    """The smallest cluster of a type, by the defaults of a specification.

    :param name: a fresh one when empty; it belongs to the deployment, so that a clean-up finds what is left of it.
    """
    now = datetime.now(timezone.utc)
    name = name or f"doctor-{secrets.token_hex(5)}"
    return Cluster(
        id=0,
        name=name,
        key=name,
        generation=1,
        version=1,
        deployment=settings.deployment,
        conn_id=settings.conn_id,
        platform="kubernetes",
        spec=ClusterSpec(tenant="doctor", type=cluster_type),
        owner=None,
        state=ClusterState.REQUESTED,
        created_at=now,
        state_since=now,
        last_used_at=now,
    )
