"""The secrets of clusters and jobs that are Airflow's, on their way into Secrets of Kubernetes."""

from __future__ import annotations

from dcluster_provider.core.addresses import ObjectStorage
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.environment import ReadSecret, references
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.storage_access import check_storage, storage_credentials
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import stored_key, variable_key


class SecretFiles:
    """Reads secrets.

    :param read_secret: gives the value of one that is Airflow's.
    :param storage: knows the credentials of connections to storage.
    """

    def __init__(self, read_secret: ReadSecret, storage: ObjectStorage) -> None:
        self._read = read_secret
        self._storage = storage

    def check(self, spec: ClusterSpec | JobSpec) -> None:
        """Refuse secrets that Airflow does not have; those of Kubernetes are looked for by Kubernetes.

        :raises PlatformRefused: naming the secret.
        :raises InvalidSpec: the connection of its storage is missing, or of another type.
        """
        check_storage(spec, self._storage)
        self._own(spec)

    def of(self, spec: ClusterSpec | JobSpec) -> dict[str, str]:
        """The values of a specification's secrets that are Airflow's, by their keys in its Secret.

        :raises PlatformRefused: Airflow does not have one.
        """
        credentials = storage_credentials(spec, self._storage)
        return {variable_key(name): value for name, value in credentials.items()} | self._own(spec)

    def _own(self, spec: ClusterSpec | JobSpec) -> dict[str, str]:
        own = (each for each in references(spec.secrets) if not each.kubernetes)
        return {stored_key(each): self._read(each) for each in own}
