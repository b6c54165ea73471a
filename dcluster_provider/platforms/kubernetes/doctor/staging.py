"""Whether files that are too large to travel with a job reach pods: by one that goes the same way."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from dcluster_provider.core.addresses import ObjectStorage
from dcluster_provider.core.errors import DClusterError
from dcluster_provider.platforms.capabilities import Check
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_CONTENT = b"written by airflow dcluster doctor\n"
_TIMEOUT_SECONDS = 20.0


def check_staging(settings: KubernetesSettings, storage: ObjectStorage) -> Check:
    """Write a small file to the staging folder, and read it by its link from this machine."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "trial"
        file.write_bytes(_CONTENT)
        try:
            shared = storage.share(file, settings.staging)
        except DClusterError as error:
            return Check(
                "staging", "failed", str(error), "Correct the field staging, or the connection that it names."
            )
    try:
        with urlopen(shared.link, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - as the store has signed it
            is_whole = answer.read() == _CONTENT
    except (URLError, OSError) as error:
        is_whole, reason = False, f": {error}"
    else:
        reason = ""
    if is_whole:
        return Check("staging", "ok", f"a file went to {settings.staging} and back by a signed link")
    return Check(
        "staging",
        "warning",
        f"a file went to {settings.staging}, and could not be read by its link from this machine{reason}",
        "Make sure that the nodes reach the store at the address that its connection names.",
    )
