"""The secrets of clusters and jobs that are Airflow's, on their way into Secrets of Kubernetes."""

from __future__ import annotations

from dcluster_provider.core.environment import ReadSecret, references
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import stored_key


class SecretFiles:
    """Reads secrets.

    :param read_secret: gives the value of one that is Airflow's.
    """

    def __init__(self, read_secret: ReadSecret) -> None:
        self._read = read_secret

    def check(self, spec: ClusterSpec | JobSpec) -> None:
        """Refuse secrets that Airflow does not have; those of Kubernetes are looked for by Kubernetes.

        :raises PlatformRefused: naming the secret.
        """
        self.of(spec)

    def of(self, spec: ClusterSpec | JobSpec) -> dict[str, str]:
        """The values of a specification's secrets that are Airflow's, by their keys in its Secret.

        :raises PlatformRefused: Airflow does not have one.
        """
        own = (each for each in references(spec.secrets) if not each.kubernetes)
        return {stored_key(each): self._read(each) for each in own}
