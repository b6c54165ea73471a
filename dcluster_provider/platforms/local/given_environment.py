"""The variables and secrets that a cluster or job is given on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dcluster_provider.core.addresses import ObjectStorage
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.environment import SECRETS_FOLDER, ReadSecret, references
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.storage_access import storage_credentials
from dcluster_provider.platforms.local.files import write_text


def check_secrets(spec: ClusterSpec | JobSpec, read_secret: ReadSecret) -> None:
    """Refuse secrets that cannot be read.

    :raises InvalidSpec: one is in a Secret of Kubernetes.
    :raises PlatformRefused: Airflow does not have it.
    """
    for reference in references(spec.secrets):
        if reference.kubernetes:
            raise InvalidSpec(
                f"{type(spec).__name__}: field secrets: {reference.name} is in a Secret of Kubernetes, and the local "
                "platform has none; name a connection or variable of Airflow"
            )
        read_secret(reference)


def given_environment(
    specs: Iterable[ClusterSpec | JobSpec], folder: Path, read_secret: ReadSecret, storage: ObjectStorage
) -> dict[str, str]:
    """The variables that specifications name, the later over the earlier, with secrets and credentials in them.

    :param folder: for the secrets that are files; made if there are some, for the owner's eyes alone.
    :raises PlatformRefused: Airflow no longer has a secret, or its connection to storage is another now.
    :raises OSError: a file cannot be written.
    """
    found: dict[str, str] = {}
    for spec in specs:
        found |= storage_credentials(spec, storage)
        found |= spec.env
        for reference in references(spec.secrets):
            if reference.env:
                found[reference.env] = read_secret(reference)
                continue
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_text(folder / reference.file, read_secret(reference))
            found[SECRETS_FOLDER] = str(folder)
    return found
