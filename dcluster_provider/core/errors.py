"""The errors that callers of this package see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.redaction import redaction

if TYPE_CHECKING:
    from dcluster_provider.core.diagnosis import Diagnosis


class DClusterError(Exception):
    """Any failure of this package; its message has no secret in it, whatever it echoes."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redaction().text(each) if isinstance(each, str) else each for each in args))


class InvalidSpec(DClusterError, ValueError):
    """A field of a specification, setting or argument cannot be accepted; nothing was started."""


class NotFound(DClusterError, LookupError):
    """No cluster or job has this id or name."""


class StaleRecord(DClusterError):
    """Another process saved the record first; read it again."""


class DuplicateJob(DClusterError):
    """A job of the same client and module is live already.

    :param why: which one, and what can be done about it.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}, or run another beside it: allow_duplicate=True")
        self.why = why

    @property
    def for_api(self) -> str:
        """The same with the field's name in the API."""
        return f'{self.why}, or run another beside it: "allowDuplicate": true'


class ClusterEnding(DClusterError):
    """The cluster is being ended, or has ended, and takes no new job."""


class ClusterInUse(DClusterError):
    """Live jobs of others are on the cluster, which was left as it is."""


class RegistryUnusable(DClusterError):
    """The registry's database cannot be reached, read or written, or is of a newer schema than this package knows."""


class WaitTimeout(DClusterError, TimeoutError):
    """A cluster or job did not reach the wanted state in time."""


class Diagnosed(DClusterError):
    """A failure with its cause, evidence and remedy.

    :param subject: what failed, for example ``cluster 12 (spark3-dev-team-...)``.
    :param diagnosis: why, with the evidence and what to do next.
    """

    def __init__(self, subject: str, diagnosis: Diagnosis) -> None:
        super().__init__(f"{subject}: {diagnosis.render()}")
        self.subject = subject
        self.diagnosis = diagnosis


class ClusterFailed(Diagnosed):
    """The cluster failed, was refused by its platform, or ended when it was needed."""


class JobFailed(Diagnosed):
    """The job failed, was killed, or was lost by its cluster."""


class SavepointFailed(Diagnosed):
    """The job was not stopped with a savepoint: it goes on, or ended without one."""


class NodesFailed(Diagnosed):
    """Machines were refused by their cloud, or did not become nodes that are ready in time."""


class PlatformRefused(Diagnosed):
    """The platform cannot do what was asked, and will not be able to without a change."""


class PlatformUnavailable(DClusterError):
    """The platform could not be asked just now; asking again later may work."""


class CloudUnavailable(PlatformUnavailable):
    """The cloud could not be asked just now; asking again later may work."""


class CredentialsRefused(PlatformUnavailable):
    """The platform no longer accepts the credentials in use; read anew they may be good."""
