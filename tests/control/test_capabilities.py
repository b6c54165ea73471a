"""A platform with none of the capabilities runs clusters and jobs all the same, and says what it cannot do."""

from __future__ import annotations

import pytest

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.connect import Control
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.nodes.on_premises import OnPremises
from dcluster_provider.platforms import capabilities
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.local.platform import LocalPlatform
from dcluster_provider.registry.store import Registry

CAPABILITIES = {
    name: value
    for name, value in vars(capabilities).items()
    if name.startswith("Supports") and name != "SupportsNodes"
}
_OF_ALL = {name for name, value in vars(Platform).items() if callable(value) and not name.startswith("_")}
JOB = {"client": "sales", "module": "daily", "job_type": "flink", "application": "etl.jar"}


class Bare:
    """What every platform has, of another one."""

    name = "bare"
    log_pause = 0.0

    def __init__(self, platform):
        self._platform = platform

    def __getattr__(self, name):
        if name not in _OF_ALL:
            raise AttributeError(name)
        return getattr(self._platform, name)


def methods(capability):
    return {name for name, value in vars(capability).items() if callable(value) and not name.startswith("_")}


def test_a_capability_is_had_by_a_platform_that_has_its_methods():
    had = {
        name: [
            platform.name
            for platform in (LocalPlatform, KubernetesPlatform)
            if methods(capability) <= set(dir(platform))
        ]
        for name, capability in CAPABILITIES.items()
    }
    assert had == {
        "SupportsCredentials": ["kubernetes"],
        "SupportsPreparation": ["local"],
        "SupportsStaging": ["kubernetes"],
        "SupportsResizing": ["local", "kubernetes"],
        "SupportsSavepoints": ["local", "kubernetes"],
        "SupportsExternalClusters": ["local", "kubernetes"],
        "SupportsChangeNotification": ["kubernetes"],
        "SupportsExamination": ["kubernetes"],
    }


@pytest.fixture
def bare(settings, platform):
    registry, bare = Registry(settings.registry_url), Bare(platform)
    clusters = Clusters(registry, bare, settings)
    jobs = Jobs(registry, bare, settings, clusters)
    upkeep = Upkeep(registry, bare, settings, clusters, jobs)
    nodes = Nodes(registry, OnPremises(settings.conn_id), None, settings)
    return Control(clusters=clusters, jobs=jobs, nodes=nodes, upkeep=upkeep, registry=registry, platform=bare)


def test_clusters_and_jobs_run_on_a_platform_without_capabilities(bare, platform):
    cluster = bare.clusters.launch({"tenant": "sales", "type": "flink"})
    job = bare.jobs.submit(JOB | {"cluster_id": cluster.id})
    assert bare.jobs.observe([job.id])[job.id].state is JobState.RUNNING
    platform.set_job(job, JobPhase.SUCCEEDED, 0)
    assert bare.jobs.observe([job.id])[job.id].state is JobState.SUCCEEDED
    bare.clusters.terminate(cluster.id)
    assert bare.clusters.observe([cluster.id])[cluster.id].state is ClusterState.TERMINATED
    bare.upkeep.check_clusters()
    assert platform.staged == []


def test_a_resize_is_refused_by_a_platform_that_has_a_fixed_size(bare):
    with pytest.raises(PlatformRefused, match="The platform bare does not resize clusters"):
        bare.clusters.launch({"tenant": "sales", "maxWorkers": 3})
    assert bare.clusters.list() == []


def test_a_savepoint_is_refused_by_a_platform_that_makes_none(bare):
    cluster = bare.clusters.launch({"tenant": "sales", "type": "flink"})
    job = bare.jobs.submit(JOB | {"cluster_id": cluster.id})
    bare.jobs.observe([job.id])
    with pytest.raises(PlatformRefused, match="The platform bare does not stop jobs with savepoints"):
        bare.jobs.terminate(job.id, savepoint=True)
