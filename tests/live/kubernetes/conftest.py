"""Use cases on the testbed, without an Airflow, with the rights that the shipped role grants and no more."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from connections import settings_for_kubernetes
from hanging import HANG_SECONDS, wait_until
from kubernetes_connection import KubernetesConnection, remove_volume, share_folder

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.environment import ReadSecret, no_secrets
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState

if TYPE_CHECKING:
    from testbed import Testbed

ENDED = tuple(state for state in JobState if state.is_final)
GONE = tuple(state for state in ClusterState if state.is_final)
SMALL = {"tenant": "team", "workers": 1, "workerMemory": "1Gi", "masterMemory": "512Mi"}
SMALL_FLINK = SMALL | {"type": "flink", "workerMemory": "1280Mi", "masterMemory": "768Mi"}


@dataclass
class Bench:
    """A namespace, a registry and everything that tests do with them."""

    testbed: Testbed
    connection: KubernetesConnection
    home: Path

    def control(
        self,
        client: Callable[[str], Any] | None = None,
        external_clusters: tuple[ExternalCluster, ...] = (),
        registry: str = "registry",
        read_secret: ReadSecret = no_secrets,
        storage: ObjectStorage = NO_STORAGE,
        **fields: Any,
    ) -> Control:
        """The use cases of a connection with these fields of its own.

        :param client: makes its client; none means one with the rights of Airflow.
        :param registry: the name of its registry.
        :param read_secret: gives secrets in the place of Airflow.
        :param storage: reads addresses.
        """
        settings = settings_for_kubernetes(
            self.home,
            self.connection.settings.model_copy(update=fields),
            self.home / f"{registry}.db",
            conn_id="kubernetes-tests",
            external_clusters=external_clusters,
        )
        return connect(settings, {"kubernetes": client or self.connection.client}, read_secret, storage)

    def left(self, namespace: str = "", *, everywhere: bool = False) -> list[str]:
        """The names of everything of clusters that is there: in a namespace, in that of the tests, or everywhere."""
        kinds = "all,configmap,secret,persistentvolumeclaim,networkpolicy,poddisruptionbudget"
        found = self.testbed.get(
            "get",
            kinds,
            "--all-namespaces" if everywhere else f"--namespace={namespace or self.connection.namespace}",
            "--selector=dcluster.io/deployment",
        )
        return [f"{item['kind']}/{item['metadata']['name']}" for item in found["items"]]


@contextmanager
def make_bench(testbed: Testbed, folders: pytest.TempPathFactory) -> Iterator[Bench]:
    """A namespace and a registry on a testbed; nothing of the namespace is left afterwards."""
    folder, home = folders.mktemp("shared"), folders.mktemp("home")
    with testbed.namespace("tests") as namespace:
        yield Bench(testbed, share_folder(testbed, namespace, folder), home)
    remove_volume(testbed, namespace)


@pytest.fixture(scope="module")
def bench(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with make_bench(testbed, tmp_path_factory) as bench:
        yield bench


@pytest.fixture
def control(bench: Bench) -> Iterator[Control]:
    """The use cases; what a test leaves is ended."""
    control = bench.control()
    yield control
    for cluster in control.clusters.list():
        control.clusters.terminate(cluster.id)
    for cluster in control.clusters.list():
        control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)


def address_for(testbed: Testbed) -> str:
    """The address of this machine by which a testbed reaches it."""
    server = urlsplit(testbed.server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((server.hostname, server.port))
        return str(probe.getsockname()[0])


def running(control: Control, spec: dict[str, Any]) -> Cluster:
    """A cluster that takes jobs."""
    cluster = control.clusters.launch(spec)
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.2)


def submit(control: Control, cluster: Cluster | None, application: Path | str, **fields: Any) -> Job:
    """A job on a cluster, or on one of its own."""
    spec: dict[str, Any] = {
        "client": "team",
        "module": "etl",
        "application": str(application),
        "driverMemGb": 0.5,
    }
    spec["allowDuplicate"] = True
    if cluster is None:
        spec |= {"workerMemGb": 0.5, "numWorkers": 1}
    else:
        spec |= {"clusterId": cluster.id, "jobType": cluster.type}
        spec |= {"workerMemGb": 0.5} if cluster.spec.engine == "spark" else {}
    return control.jobs.submit(spec | fields)


def ended(control: Control, job: Job) -> Job:
    """The job once it has ended, however."""
    return control.jobs.wait(job.id, ENDED, timeout=HANG_SECONDS, poll_interval=0.2)


def gone(control: Control, cluster: Cluster) -> Cluster:
    """The cluster once nothing of it is left."""
    control.clusters.terminate(cluster.id)
    return control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)


def until(holds: Callable[[], Any]) -> bool:
    """Whether something came to hold, looked at often."""
    return wait_until(holds, 0.2)


def external_role(namespace: str, account_namespace: str) -> list[dict[str, Any]]:
    """What lets the connection's account work in another namespace, as ``airflow dcluster rbac`` prints it."""
    from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest

    return rbac_manifest([namespace], [Subject("ServiceAccount", "airflow", account_namespace)])
