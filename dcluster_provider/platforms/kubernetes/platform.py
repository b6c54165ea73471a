"""Clusters on Kubernetes, as plain objects below one root for each."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.environment import ReadSecret, no_secrets
from dcluster_provider.core.errors import (
    CredentialsRefused,
    DClusterError,
    PlatformUnavailable,
)
from dcluster_provider.core.identity import namespace_location
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import (
    ClusterObservation,
    ClusterPhase,
    JobObservation,
    ObservationError,
)
from dcluster_provider.core.record import Cluster, ClusterState, Job
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer
from dcluster_provider.engines.storage_access import with_storage
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.base import LogPart, no_registry
from dcluster_provider.platforms.capabilities import Check, ClusterNodes, OnChange
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection, collection_of
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.api.server_identity import ServerIdentity
from dcluster_provider.platforms.kubernetes.cluster_access import (
    as_seen_by,
    cluster_addresses,
    master_rest,
)
from dcluster_provider.platforms.kubernetes.cpu_limits import CpuLimits
from dcluster_provider.platforms.kubernetes.deployments import Deployments
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods, RequestCode
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.job_observer import JobObserver
from dcluster_provider.platforms.kubernetes.job_runs import JobRuns
from dcluster_provider.platforms.kubernetes.manifests.application_files import check_application
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import secret
from dcluster_provider.platforms.kubernetes.manifests.metadata import cluster_labels, selector
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import check_blocks
from dcluster_provider.platforms.kubernetes.nodes import KubernetesNodes
from dcluster_provider.platforms.kubernetes.observations import ClusterView
from dcluster_provider.platforms.kubernetes.owner_objects import JobOwnerObjects, OwnerObjects, is_going
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.pods.watch import PodWatch, Warnings
from dcluster_provider.platforms.kubernetes.queues.queueing import Queues
from dcluster_provider.platforms.kubernetes.secret_files import SecretFiles
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_LOG = logging.getLogger(__name__)


class KubernetesPlatform:
    """Runs clusters on Kubernetes; see :class:`~dcluster_provider.platforms.base.Platform` for the methods."""

    name = "kubernetes"
    log_pause = 2.0

    def __init__(
        self,
        settings: KubernetesSettings,
        api: KubernetesApi,
        registry_id: Callable[[], str] = no_registry,
        read_secret: ReadSecret = no_secrets,
        storage: ObjectStorage = NO_STORAGE,
    ) -> None:
        self.settings = settings
        self.nodes: ClusterNodes = KubernetesNodes(api)
        self._api = api
        self._registry_id = registry_id
        self._secrets = SecretFiles(read_secret, storage)
        self._storage = storage
        self._server = ServerIdentity(api)
        self._listeners: set[OnChange] = set()
        self._grace_periods = GracePeriods(settings.unschedulable_timeout, settings.mount_timeout)
        self._watches = {
            name: PodWatch(api, name, selector(settings.deployment), self._tell)
            for name in settings.namespaces
        }
        self._warnings = {name: Warnings(api, name) for name in settings.namespaces}
        self._deployments = Deployments(settings, api)
        self._owner_objects = OwnerObjects(settings, api, registry_id)
        self._job_owner_objects = JobOwnerObjects(settings, api, registry_id)
        self._cpu_limits = CpuLimits(settings, api)
        self._queues = Queues(settings, api)
        owners = (self._owner_objects, self._job_owner_objects)
        self._runs = JobRuns(settings, api, *owners, self._cpu_limits, secrets=self._secrets, storage=storage)
        self._polls = JobObserver(
            settings,
            api,
            self._runs,
            self._pods_and_ended,
            self._warnings,
            self._grace_periods,
            settings.home,
        )

    def describe(self) -> str:
        """The API server's version and the namespaces."""
        version = self._api.get("/version")["gitVersion"]
        return f"Kubernetes {version} at {self._api.host}, namespaces {', '.join(self.settings.namespaces)}"

    def examine(self, *, images: bool, nodes: bool) -> Iterator[Check]:
        """Check the API server, then each namespace; what has to be granted is named."""
        from dcluster_provider.platforms.kubernetes.doctor import examine

        self._api.connect()
        try:
            registry_id = self._registry_id()
        except DClusterError as error:
            _LOG.info("The registry cannot be opened, so what others made is not looked for: %s", error)
            registry_id = ""
        yield from examine(
            self.settings, self._api, self._storage, registry_id=registry_id, images=images, nodes=nodes
        )

    def connect(self) -> None:
        """Read the credentials, which takes a process seconds and 80 MB: the client has a class for every object."""
        self._api.connect()

    def reconnect(self) -> None:
        """Read the credentials anew when something is asked next."""
        self._api.reconnect()
        self._server.forget()

    def location_of(self, spec: ClusterSpec) -> str:
        """The namespace, and the API server as far as that may be told."""
        return namespace_location(self.settings.namespace_of(spec) or "(none)", self._server.uid())

    def check_cluster(self, spec: ClusterSpec) -> None:
        """Refuse what cannot run: too little memory, a namespace that the connection does not have."""
        self.settings.check_namespace(spec)
        self.settings.check_version(spec)
        self.settings.check_image(spec)
        self.settings.check_queue(spec)
        check_blocks(spec)
        self._secrets.check(spec)
        engine_of(spec).check_cluster(spec, pod_engine(spec).fixed_cluster_settings)
        if spec.launch_new_node and not self.settings.has_own_nodes(spec):
            _LOG.info("launch_new_node is remembered only: the connection's machines come from no cloud")

    def check_job(self, spec: JobSpec) -> None:
        """Refuse a job whose application cannot get into a pod, or whose namespace the connection does not have."""
        engine = pod_engine(spec)
        engine_of(spec).check_job(spec, engine.fixed_job_settings(spec))
        self._secrets.check(spec)
        check_application(spec, self._storage, is_staged=bool(self.settings.staging))
        engine.check_arguments(spec)
        check_blocks(spec)
        if spec.use_external_cluster:
            self.settings.check_namespace(spec)

    def apply_cluster(self, cluster: Cluster) -> None:
        """Make the cluster's objects, or those that are missing; a queue decides when its pods may be made."""
        try:
            place = self._owner_objects.ensure(cluster)
            cluster = with_storage(cluster, self._storage)
            engine, labels = pod_engine(cluster.spec), cluster_labels(cluster)
            # With a new shared secret where there is one: it is made once and then kept.
            path = collection("Secret", place.namespace)
            is_new = cluster.state is ClusterState.REQUESTED
            if is_new or self._api.find(f"{path}/{cluster.name}") is None:  # others may read no secrets
                files = engine.cluster_files(self.settings, cluster) | self._secrets.of(cluster.spec)
                self._api.ensure(path, secret(cluster.name, place, labels, files))
            settings = self._cpu_limits.settings_in(place.namespace)
            admitted = self._queues.enter(settings, cluster, place)
            for manifest in engine.cluster_manifests(settings, admitted or cluster, place):
                if admitted is not None or manifest["kind"] != "Deployment":
                    self._api.apply(collection_of(manifest), manifest)
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(cluster), cluster) from refusal

    def resize_cluster(self, cluster: Cluster) -> None:
        """Set the number of worker pods; Kubernetes and the pods do the rest.

        How many there are does not tell the number that is set, which pods may come after or go after.
        """
        workers = [pod for pod in self._pods(cluster) if pod.role == "worker" and not pod.is_over]
        is_reached = sum(not pod.deleting for pod in workers) == cluster.spec.workers
        if cluster.resizing_since is None and is_reached:
            return
        path = f"{collection('Deployment', self.settings.namespace_of(cluster.spec))}/{cluster.name}-worker"
        try:
            self._api.merge(path, {"spec": {"replicas": cluster.spec.workers}})
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(cluster), cluster) from refusal

    def observe_clusters(
        self, clusters: Sequence[Cluster]
    ) -> dict[int, ClusterObservation | ObservationError]:
        """Look at clusters: their pods are known from the watch, so most need no request."""
        silent = self._silent_namespaces(clusters)

        def observe(cluster: Cluster) -> tuple[Cluster, ClusterObservation | ObservationError]:
            error = silent.get(self.settings.namespace_of(cluster.spec))
            return cluster, self._observe_cluster(cluster) if error is None else self._unseen(error, cluster)

        looks = ask_at_once(observe, clusters, lambda it, error: (it, self._unseen(error, it)))
        absent = ClusterObservation(ClusterPhase.ABSENT)
        return {
            cluster.id: absent
            if isinstance(seen, ObservationError) and self._was_never_made(cluster)
            else seen
            for cluster, seen in looks
        }

    def delete_cluster(self, cluster: Cluster) -> None:
        """Begin to delete the root, and with it everything of the cluster."""
        try:
            self._owner_objects.delete(cluster)
        except ApiRefused as refusal:
            # It is asked for again at every look; one cluster must not keep the others from being looked at.
            _LOG.warning("%s", self._owner_objects.refused(refusal, str(cluster), cluster))

    def stage_job(self, job: Job, cluster: Cluster) -> None:
        """Bring the job's settings and its application to the cluster, as Secrets."""
        cluster = with_storage(as_seen_by(job, cluster), self._storage)
        self._runs.stage(with_storage(job, self._storage), self._placed(cluster))

    def apply_job(self, job: Job, cluster: Cluster) -> None:
        """Make the Kubernetes Job of the driver or client, or hand the jar to Flink."""
        self._runs.start(job, self._placed(as_seen_by(job, cluster)))

    def observe_jobs(
        self, jobs: Sequence[tuple[Job, Cluster]]
    ) -> dict[int, JobObservation | ObservationError]:
        """Look at jobs: a master is asked at most once for all its jobs, and only for what no pod tells."""
        placed = [(job, as_seen_by(job, cluster)) for job, cluster in jobs]
        silent = self._silent_namespaces([cluster for _, cluster in placed])
        seen: dict[int, JobObservation | ObservationError] = {}
        by_cluster: dict[tuple[int, str], list[tuple[Job, Cluster]]] = {}
        for job, cluster in placed:
            namespace = self.settings.namespace_of(cluster.spec)
            if namespace in silent:
                seen[job.id] = self._unseen(silent[namespace], cluster, job)
            else:
                by_cluster.setdefault((cluster.id, namespace), []).append((job, cluster))
        for group in ask_at_once(self._polls.observe, by_cluster.values(), self._unseen_group):
            seen.update(group)
        return seen

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        """Suspend the Kubernetes Job, which ends its pod; one that was not made yet is made suspended."""
        self._runs.stop(job, as_seen_by(job, cluster))

    def end_job(self, job: Job, cluster: Cluster, outcome: JobObservation) -> None:
        """Suspend the Kubernetes Job, which keeps the outcome and ends its pod."""
        self._polls.end_job(job, as_seen_by(job, cluster), outcome)

    def delete_job(self, job: Job, cluster: Cluster) -> bool:
        """Begin to delete the job's root, and with it everything of the job."""
        placed = as_seen_by(job, cluster)
        try:
            return cluster.is_external and self._job_owner_objects.delete(job, placed)
        except ApiRefused as refusal:
            # The job has ended all the same; it is asked for again by each cluster check.
            _LOG.warning("%s", self._owner_objects.refused(refusal, str(job), placed))
            return False

    def external_jobs(self) -> list[int]:
        """The ids of the jobs that have roots of their own."""
        return self._job_owner_objects.job_ids()

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        """The folder that the job's savepoints go to: the connection's flink_storage, unless a setting names one."""
        return pod_engine(cluster.spec).savepoint_folder(self.settings, job, as_seen_by(job, cluster))

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The output of the driver or client; nothing after its pod has gone."""
        return self._polls.read_log(job, as_seen_by(job, cluster), start, most)

    def on_change(self, told: OnChange) -> Callable[[], None]:
        """Have a function called when a pod has changed."""
        self._listeners.add(told)
        return lambda: self._listeners.discard(told)

    def list_clusters(self) -> list[str]:
        """The names of this registry's clusters that exist here."""
        return self._owner_objects.names()

    def busy_clusters(self, clusters: Sequence[Cluster]) -> dict[int, bool]:
        """Ask masters and JobManagers whether they have anything at work, or look whether a driver's pod runs."""
        silent = self._silent_namespaces(clusters)
        asked = [each for each in clusters if self.settings.namespace_of(each.spec) not in silent]
        answers = ask_at_once(lambda cluster: (cluster.id, self._is_busy(cluster)), asked)
        return {number: busy for number, busy in answers if busy is not None}

    def delete_unknown(self, name: str) -> bool:
        """Begin to delete the root of this name and those of jobs on it, if they are this registry's."""
        jobs = self._job_owner_objects.delete_of_cluster(name)
        return self._owner_objects.delete_unknown(name) or jobs

    def _tell(self, cluster_id: int | None) -> None:
        for told in list(self._listeners):
            told(cluster_id)

    def _silent_namespaces(self, clusters: Sequence[Cluster]) -> dict[str, DClusterError]:
        """Those of the clusters' namespaces whose pods cannot be seen just now, and why."""
        silent: dict[str, DClusterError] = {}
        for namespace in {self.settings.namespace_of(cluster.spec) for cluster in clusters}:
            try:
                self._watches[namespace].require_current()
            except CredentialsRefused:
                raise
            except (PlatformUnavailable, ApiRefused) as error:
                silent[namespace] = error
        return silent

    def _unseen(self, error: DClusterError, cluster: Cluster, job: Job | None = None) -> ObservationError:
        if isinstance(error, ApiRefused):
            error = self._owner_objects.refused(error, f"a look at {job or cluster}", cluster)
        return ObservationError(error, is_refused=not isinstance(error, PlatformUnavailable))

    def _unseen_group(
        self, group: Sequence[tuple[Job, Cluster]], error: DClusterError
    ) -> dict[int, JobObservation | ObservationError]:
        return {job.id: self._unseen(error, cluster, job) for job, cluster in group}

    def _pods(self, cluster: Cluster) -> tuple[Pod, ...]:
        pods = self._watches[self.settings.namespace_of(cluster.spec)].pods_of(cluster.name)
        # Two registries may give two clusters one name; those made before registries had ids carry none.
        return tuple(pod for pod in pods if pod.registry_id in {"", cluster.registry_id})

    def _pods_and_ended(self, cluster: Cluster) -> tuple[Pod, ...]:
        pods = self._pods(cluster)
        ended = self._watches[self.settings.namespace_of(cluster.spec)].ended_of(cluster.name)
        there = {pod.uid for pod in pods}
        return (
            *(pod for pod in ended if pod.uid not in there and pod.registry_id in {"", cluster.registry_id}),
            *pods,
        )

    def _placed(self, cluster: Cluster) -> Cluster:
        try:
            return self._queues.placed(cluster)
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(cluster), cluster) from refusal

    def _is_busy(self, cluster: Cluster) -> bool | None:
        if self.settings.makes_own_executors(cluster.spec):
            return any(pod.role in {"driver", "executor"} and not pod.is_over for pod in self._pods(cluster))
        if not self._pods(cluster) and self._owner_objects.find(cluster) is None:
            return False
        master = master_rest(self.settings, self._api, cluster)
        try:
            return engine_of(cluster.spec).is_busy(master)
        except (NoAnswer, ErrorResponse):
            return None

    def _has_its_size(self, cluster: Cluster, pods: Sequence[Pod]) -> bool:
        """Whether a resize is over: no surplus pod is there any more, and the master itself reports each worker."""
        wanted = cluster.spec.workers
        if sum(pod.role == "worker" and not pod.is_over for pod in pods) != wanted:
            return False
        try:
            return (
                engine_of(cluster.spec).count_workers(master_rest(self.settings, self._api, cluster))
                == wanted
            )
        except (NoAnswer, ErrorResponse):
            return False

    def _was_never_made(self, cluster: Cluster) -> bool:
        """Whether a cluster was refused for want of rights, so that not even its root is there."""
        if cluster.state is not ClusterState.TERMINATING or cluster.diagnosis is None:
            return False
        if cluster.diagnosis.code != RequestCode.FORBIDDEN:
            return False
        try:
            return self._owner_objects.find(cluster) is None
        except ApiRefused as refusal:
            return refusal.status == 403

    def _observe_pods(self, cluster: Cluster, pods: Sequence[Pod]) -> ClusterObservation:
        addresses = cluster_addresses(self.settings, cluster)
        warnings = self._warnings[self.settings.namespace_of(cluster.spec)]
        grace_periods = self._grace_periods
        if self.settings.has_own_nodes(cluster.spec):
            grace_periods = replace(grace_periods, unschedulable=self.settings.new_node_timeout)
        now = datetime.now(timezone.utc)
        if not self._queues.waits_as_pods(cluster):
            return ClusterView(cluster, pods, warnings.about, grace_periods, now).observe(addresses)
        patient, impatient = (replace(grace_periods, unschedulable=limit) for limit in (math.inf, 0))
        seen = ClusterView(cluster, pods, warnings.about, patient, now).observe(addresses)
        if seen.phase is ClusterPhase.STARTING and seen.hint is None:
            why = ClusterView(cluster, pods, warnings.about, impatient, now).observe(addresses)
            return replace(seen, hint=why.diagnosis)
        return seen

    def _observe_cluster(self, cluster: Cluster) -> ClusterObservation:
        pods = self._pods(cluster)
        if not pods:
            found = self._owner_objects.find(cluster)
            if found is None:
                pod_engine(cluster.spec).clean_up(self.settings, self._api, cluster)
                return ClusterObservation(ClusterPhase.ABSENT)
            if is_going(found):
                return ClusterObservation(ClusterPhase.STARTING)
        waiting = self._queues.observe(cluster, pods, is_made=self.settings.makes_own_executors(cluster.spec))
        if waiting is None:
            return self._observe_made(cluster, pods)
        if waiting.phase is not ClusterPhase.ADMITTED:
            return waiting
        seen = self._observe_pods(cluster, pods)
        return replace(seen, phase=waiting.phase) if seen.phase is ClusterPhase.STARTING else seen

    def _observe_made(self, cluster: Cluster, pods: Sequence[Pod]) -> ClusterObservation:
        """A cluster whose pods have been made, as far as it has any of its own."""
        if self.settings.makes_own_executors(cluster.spec):
            self._queues.tell_ready(cluster)
            addresses = cluster_addresses(self.settings, cluster)
            working = sum(pod.role == "executor" and pod.phase == "Running" for pod in pods)
            return ClusterObservation(
                ClusterPhase.READY, addresses.master_url, addresses.ui_url, workers_ready=working
            )
        seen = self._observe_pods(cluster, pods)
        if seen.phase is ClusterPhase.READY:
            self._queues.tell_ready(cluster)
        if seen.phase is ClusterPhase.READY and cluster.resizing_since is not None:
            return seen if self._has_its_size(cluster, pods) else replace(seen, phase=ClusterPhase.STARTING)
        # Only a cluster that was ready once is known to have had its Deployments.
        lacks_pods = seen.phase is ClusterPhase.STARTING and seen.hint is None and cluster.state.takes_jobs
        return replace(seen, hint=self._deployments.why_missing(cluster)) if lacks_pods else seen
