"""The errors that this package raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.redaction import redaction

if TYPE_CHECKING:
    from dcluster_provider.core.diagnosis import Diagnosis


class DClusterError(Exception):
    """Base of all errors of this package; its message never contains a secret, whatever it quotes."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redaction().text(each) if isinstance(each, str) else each for each in args))


class InvalidSpec(DClusterError, ValueError):
    """A field of a specification, setting or argument is invalid; nothing was started."""


class NotFound(DClusterError, LookupError):
    """No cluster or job has this id or name."""


class StaleRecord(DClusterError):
    """Another process saved the record first; read it again."""


class DuplicateJob(DClusterError):
    """A job of the same client and module is live already.

    :param why: which job, and what can be done about it.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}, or run another beside it: allow_duplicate=True")
        self.why = why

    @property
    def for_api(self) -> str:
        """The message with the field's name in the API."""
        return f'{self.why}, or run another beside it: "allowDuplicate": true'


class ClusterTerminating(DClusterError):
    """The cluster is terminating or has ended, and takes no new job."""


class ClusterInUse(DClusterError):
    """Live jobs of other DAG runs use the cluster, which was left as it is."""


class RegistryUnusable(DClusterError):
    """The registry's database cannot be reached, read or written, or its schema is newer than this package."""


class WaitTimeout(DClusterError, TimeoutError):
    """A cluster or job did not reach the requested state in time."""


class Diagnosed(DClusterError):
    """A failure with its diagnosis: cause, evidence and remedy.

    :param subject: what failed, such as ``cluster 12 (spark3-dev-team-...)``.
    :param diagnosis: why, with the evidence and the remedy.
    """

    def __init__(self, subject: str, diagnosis: Diagnosis) -> None:
        super().__init__(f"{subject}: {diagnosis.render()}")
        self.subject = subject
        self.diagnosis = diagnosis


class ClusterFailed(Diagnosed):
    """The cluster failed, was rejected by its platform, or ended when it was needed."""


class JobFailed(Diagnosed):
    """The job failed, was killed, or was lost by its cluster."""


class SavepointFailed(Diagnosed):
    """The job was not stopped with a savepoint: it keeps running, or ended without one."""


class NodesFailed(Diagnosed):
    """The cloud rejected the machines, or they did not become ready nodes in time."""


class PlatformRefused(Diagnosed):
    """The platform rejects a request, and will until something is changed."""


class PlatformUnavailable(DClusterError):
    """The platform does not answer now; a later request may succeed."""


class CloudUnavailable(PlatformUnavailable):
    """The cloud does not answer now; a later request may succeed."""


class CredentialsRefused(PlatformUnavailable):
    """The platform no longer accepts the credentials in use; those of a new client may be valid."""
