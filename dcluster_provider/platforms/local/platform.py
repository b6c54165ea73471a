"""Clusters as processes of this machine, real Spark and Flink, on the loopback interface only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.environment import ReadSecret, no_secrets
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import (
    ClusterObservation,
    ClusterPhase,
    JobObservation,
    JobPhase,
    ObservationError,
)
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.fetched_files import fetch_files
from dcluster_provider.engines.storage_access import check_storage, with_storage
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.base import LogPart, Report, no_registry
from dcluster_provider.platforms.local import ending
from dcluster_provider.platforms.local.checks import check_application, machine_memory, too_large
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.failures import start_failure
from dcluster_provider.platforms.local.files import read_part
from dcluster_provider.platforms.local.flink.processes import FlinkProcesses
from dcluster_provider.platforms.local.given_environment import check_secrets, given_environment
from dcluster_provider.platforms.local.installation.class_archive import ensure_archive
from dcluster_provider.platforms.local.installation.engines import (
    LocalEngine,
    check_engine,
    ensure_engine,
    find_engine,
)
from dcluster_provider.platforms.local.installation.job_environment import prune_environments
from dcluster_provider.platforms.local.job_process import conclude, settled
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import (
    ClusterPlan,
    external_plan,
    make_plan,
    read_plan,
    remove_old_configurations,
    resize_plan,
)
from dcluster_provider.platforms.local.process_engine import ProcessEngine
from dcluster_provider.platforms.local.processes.process import Life, StartFailed
from dcluster_provider.platforms.local.settings import LocalSettings
from dcluster_provider.platforms.local.spark.processes import SparkProcesses

__all__ = ["LocalPlatform", "LocalSettings"]

_LOG = logging.getLogger(__name__)
_ENGINES: dict[str, ProcessEngine] = {"spark": SparkProcesses(), "flink": FlinkProcesses()}
# Fields that mean something only where there are machines, disks, images and namespaces to choose from.
_CLUSTER_FLAGS = (
    "use_on_demand_master",
    "launch_new_node",
    "launch_dynamic_disk",
    "use_external_namespace",
    "kubernetes",
)
_JOB_FLAGS = ("use_external_namespace", "docker_image_name", "kubernetes")

_ORPHAN = JobObservation(JobPhase.RUNNING)  # its cluster has gone and it has not noticed yet
_NOT_INSTALLED = Diagnosis(
    LocalCode.ENGINE_MISSING,
    "The engine of the cluster is not installed.",
    "Install it with the command airflow dcluster engines install, then run the task again.",
)


def install_engine(spec: ClusterSpec, settings: LocalSettings, report: Report) -> LocalEngine:
    """The engine of a cluster, installed and with its classes archived.

    :raises PlatformRefused: it cannot run here or cannot be installed.
    """
    engine = ensure_engine(spec.type, settings, report, spec.engine_version)
    ensure_archive(engine, _ENGINES[spec.engine].training, report)
    return engine


class LocalPlatform:
    """Runs clusters on this machine; see :class:`~dcluster_provider.platforms.base.Platform` for the methods."""

    name = "local"
    log_pause = 0.0

    def __init__(
        self,
        settings: LocalSettings,
        registry_id: Callable[[], str] = no_registry,
        read_secret: ReadSecret = no_secrets,
        storage: ObjectStorage = NO_STORAGE,
    ) -> None:
        # One name for each folder: processes are found by it, whoever asks and from wherever.
        home, engines = settings.home.expanduser().resolve(), settings.engines_folder.expanduser().absolute()
        self.settings = settings.model_copy(update={"home": home, "engines_folder": engines})
        self._told: set[str] = set()
        self._registry_id = registry_id
        self._read_secret = read_secret
        self._storage = storage

    def describe(self) -> str:
        """The engines of the settings, and the Java they run on."""
        told = []
        for kind in _ENGINES:
            check_engine(kind, self.settings)
            found = find_engine(kind, self.settings)
            java = f", Java {found.java_version}" if found else ""
            state = f"installed{java}" if found else "to be installed on first use"
            told.append(f"{self.settings.version(kind).title} ({state})")
        return f"local platform in {self.settings.home}: {', '.join(told)}"

    def location_of(self, spec: ClusterSpec) -> str:  # noqa: ARG002
        """The home, which processes are found by."""
        return f"folder {self.settings.home}"

    def check_cluster(self, spec: ClusterSpec) -> None:
        """Refuse what cannot run here: too little memory, an engine that fits neither Python nor Java at hand."""
        self._tell_of_flags(spec, _CLUSTER_FLAGS)
        engine_of(spec).check_cluster(spec)
        _ENGINES[spec.engine].wanted_ports(spec)  # which rejects a setting that is no port
        self.settings.check_version(spec)
        check_engine(spec.type, self.settings, spec.engine_version)
        check_secrets(spec, self._read_secret)
        check_storage(spec, self._storage)

    def check_job(self, spec: JobSpec) -> None:
        """Refuse a job whose application cannot be run."""
        self._tell_of_flags(spec, _JOB_FLAGS)
        engine_of(spec).check_job(spec)
        check_storage(spec, self._storage)
        check_application(spec, self._storage)
        check_secrets(spec, self._read_secret)

    def prepare(self, spec: ClusterSpec, report: Report) -> None:
        """Install the engine, unless it is installed, and tell of a cluster that is larger than this machine."""
        engine = install_engine(spec, self.settings, report)
        _ENGINES[spec.engine].prepare(spec, engine, self.settings, report)
        warning = too_large(spec, machine_memory())
        if warning:
            report(warning)

    def apply_cluster(self, cluster: Cluster) -> None:
        """Start the processes of the cluster, or those that were not started yet."""
        place, engine = self._place(cluster.name), _ENGINES[cluster.spec.engine]
        try:
            with ending.while_not_ended(place, str(cluster)):
                plan = read_plan(place) or self._plan(place, cluster, engine)
                own = given_environment(
                    [cluster.spec], place.conf / "secrets", self._read_secret, self._storage
                )
                told = with_storage(cluster, self._storage)
                for role, command in engine.commands(place, plan, told).items():
                    place.process(role).start(replace(command, env={**command.env, **own}))
        except (StartFailed, OSError) as error:
            raise PlatformRefused(str(cluster), start_failure(place.disk, error)) from error
        ending.prune(self.settings.home, self.settings.keep_logs_days)
        prune_environments(self.settings.home, self.settings.keep_logs_days)

    def resize_cluster(self, cluster: Cluster) -> None:
        """Start workers that are missing, and have surplus ones end."""
        place, engine = self._place(cluster.name), _ENGINES[cluster.spec.engine]
        with ending.while_not_ended(place, str(cluster)):
            asked = cluster.resizing_since
            plan = resize_plan(place, cluster.spec.workers, asked.isoformat() if asked else "")
            if plan is None:
                return
            surplus = [role for role in plan.retired_roles if not place.are_over([role])]
            if surplus:
                engine.retire([place.process(role) for role in surplus])
        if any(place.process(role).state().life is Life.NEW for role in plan.worker_roles):
            self.apply_cluster(cluster)

    def observe_clusters(
        self, clusters: Sequence[Cluster]
    ) -> dict[int, ClusterObservation | ObservationError]:
        """Look at clusters, several at once, each by one request to its master."""
        return dict(ask_at_once(lambda cluster: (cluster.id, self._observe_cluster(cluster)), clusters))

    def delete_cluster(self, cluster: Cluster) -> None:
        """End every process of the cluster and remove its folder; logs stay."""
        ending.end_cluster(self._place(cluster.name))

    def apply_job(self, job: Job, cluster: Cluster) -> None:
        """Start the driver or client of the job, or hand its jar to Flink."""
        place, engine = self._place(cluster.name), _ENGINES[cluster.spec.engine]
        plan = self._known_plan(place, cluster) or ending.existing_plan(place, str(job))
        if cluster.is_external:
            remove_old_configurations(place)
        try:
            folder = place.job(job).conf / "secrets"
            own = given_environment([cluster.spec, job.spec], folder, self._read_secret, self._storage)
            told = with_storage(job, self._storage)
            spec = fetch_files(told.spec, self._storage, place.job(job).conf / "fetched")
            cluster = with_storage(cluster, self._storage)
            engine.start_job(place, plan, cluster, replace(job, spec=spec), own)
        except ValueError as error:  # of a setting that is read only now
            raise PlatformRefused(str(job), _invalid_setting(error)) from error
        except (StartFailed, OSError) as error:
            raise PlatformRefused(str(job), start_failure(place.disk, error)) from error

    def observe_jobs(
        self, jobs: Sequence[tuple[Job, Cluster]]
    ) -> dict[int, JobObservation | ObservationError]:
        """Look at jobs, by one request to each cluster that has one of them running."""
        by_cluster: dict[str, list[tuple[Job, Cluster]]] = {}
        for job, cluster in jobs:
            by_cluster.setdefault(cluster.name, []).append((job, cluster))
        seen = ask_at_once(self._observe_group, by_cluster.values())
        return {number: observation for group in seen for number, observation in group.items()}

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        """End the job's processes; one that was not started can no longer be."""
        place = self._place(cluster.name)
        place.job(job).process.forbid()
        plan = self._known_plan(place, cluster)
        if plan is not None:
            _ENGINES[cluster.spec.engine].stop_job(place, plan, job)

    def end_job(self, job: Job, cluster: Cluster, outcome: JobObservation) -> None:
        """Keep the outcome and end the job's processes."""
        conclude(self._place(cluster.name).job(job), outcome)

    def delete_job(self, job: Job, cluster: Cluster) -> bool:  # noqa: ARG002
        """Remove the configuration of jobs on the cluster that have ended; their logs stay."""
        if cluster.is_external:
            remove_old_configurations(self._place(cluster.name))
        return False

    def external_jobs(self) -> list[int]:
        """None: what a check has to find is on the platform, and what is left here goes with the next job."""
        return []

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        """The folder that the job's savepoints go to: below the home, unless a setting names another."""
        place = self._place(cluster.name)
        plan = self._known_plan(place, cluster) or ending.existing_plan(place, str(job))
        return _ENGINES[cluster.spec.engine].savepoint_folder(place, plan, cluster, job)

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The output of the driver or client; after the cluster has gone, too."""
        own = self._place(cluster.name).job(job)
        is_ended = own.process.state().life is not Life.RUNNING
        return read_part(own.log, start, most, is_ended)

    def list_clusters(self) -> list[str]:
        """The names of this registry's clusters that exist here."""
        folders = sorted((self.settings.home / "clusters").glob("*/plan.json"))
        places = [self._place(path.parent.name) for path in folders if not path.parent.name.startswith(".")]
        plans = ((place.name, read_plan(place)) for place in places)
        return [name for name, plan in plans if plan and self._is_own(plan)]

    def busy_clusters(self, clusters: Sequence[Cluster]) -> dict[int, bool]:
        """Ask masters and JobManagers whether they have anything at work."""
        answers = ask_at_once(lambda cluster: (cluster.id, self._is_busy(cluster)), clusters)
        return {number: busy for number, busy in answers if busy is not None}

    def delete_unknown(self, name: str) -> bool:
        """End every process of the cluster and remove its folder, if it is this registry's; logs stay."""
        place = self._place(name)
        plan = read_plan(place)
        if plan is None or not self._is_own(plan):
            return False
        ending.end_cluster(place)
        return True

    def _is_own(self, plan: ClusterPlan) -> bool:
        return (plan.deployment, plan.registry_id) == (self.settings.deployment, self._registry_id())

    def _place(self, name: str) -> ClusterPlace:
        return ClusterPlace(self.settings.home, name)

    def _plan(self, place: ClusterPlace, cluster: Cluster, engine: ProcessEngine) -> ClusterPlan:
        installed = find_engine(cluster.spec.type, self.settings, cluster.spec.engine_version)
        if installed is None:
            raise PlatformRefused(str(cluster), _NOT_INSTALLED)
        return make_plan(place, cluster, installed, engine.wanted_ports(cluster.spec))

    def _known_plan(self, place: ClusterPlace, cluster: Cluster) -> ClusterPlan | None:
        if not cluster.is_external:
            return read_plan(place)
        engine = find_engine(cluster.spec.type, self.settings, cluster.spec.engine_version)
        if engine is None:
            raise PlatformRefused(str(cluster), _NOT_INSTALLED)
        return external_plan(cluster, engine, _ENGINES[cluster.spec.engine].external_ports(cluster))

    def _observe_cluster(self, cluster: Cluster) -> ClusterObservation:
        place = self._place(cluster.name)
        plan = read_plan(place)
        if plan is None or place.ended.exists():
            gone = ending.go_on(place) if place.ended.exists() else ending.is_gone(place)
            return ClusterObservation(ClusterPhase.ABSENT if gone else ClusterPhase.STARTING)
        return _ENGINES[cluster.spec.engine].view(place, plan, cluster).cluster()

    def _is_busy(self, cluster: Cluster) -> bool | None:
        place = self._place(cluster.name)
        plan = read_plan(place)
        if plan is None or place.ended.exists():
            return False
        view = _ENGINES[cluster.spec.engine].view(place, plan, cluster)
        return view.busy()

    def _observe_group(self, group: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation]:
        cluster = group[0][1]
        place = self._place(cluster.name)
        plan = self._known_plan(place, cluster)
        if plan is None:
            return {
                job.id: settled(place.job(job), _ENGINES[cluster.spec.engine].client_title) or _ORPHAN
                for job, _ in group
            }
        view = _ENGINES[cluster.spec.engine].view(place, plan, cluster)
        looks = ((job.id, view.job(job)) for job, _ in group)
        return {number: seen for number, seen in looks if seen is not None}

    def _tell_of_flags(self, spec: ClusterSpec | JobSpec, flags: Iterable[str]) -> None:
        for flag in flags:
            if getattr(spec, flag) and flag not in self._told:
                self._told.add(flag)
                _LOG.info("%s means nothing on the local platform and is ignored", flag)


def _invalid_setting(error: ValueError) -> Diagnosis:
    return Diagnosis(
        LocalCode.SETTING_INVALID,
        f"A setting of the job cannot be used: {error}.",
        "Correct extraCmd of the job or extraConfigs of the cluster, then run the task again.",
    )
