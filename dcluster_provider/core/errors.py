"""The errors that this package raises, and explanations of why a specification is invalid."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.redaction import redaction

if TYPE_CHECKING:
    from pydantic import ValidationError

    from dcluster_provider.core.diagnosis import Diagnosis

# By pydantic's type of the error; the braces are filled from its context.
_MESSAGES = {
    "missing": "is required",
    "greater_than": "has to be more than {gt:.12g}",
    "greater_than_equal": "has to be at least {ge:.12g}",
    "less_than_equal": "can be at most {le:.12g}",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "string_type": "has to be text",
    "tuple_type": "has to be a list",
    "dict_type": "has to be an object",
    "literal_error": "has to be {expected}",
    "model_type": "is not an object with fields",
    "extra_forbidden": "is given twice, as snake_case and as camelCase; give one of them",
}
_LONGEST_INPUT = 80


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


class ClusterNotRunning(DClusterError):
    """Only a cluster that is RUNNING or DEGRADED can be resized."""


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


def nearest(name: str, known: AbstractSet[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or empty when none is near."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def explain(error: ValidationError, *, missing: str = _MESSAGES["missing"]) -> str:
    """Every error of a failed validation: the field, what is wrong with it, and the given value.

    :param missing: the message about a field without a value or a default.
    """
    return "; ".join(_complaint(dict(item), missing) for item in error.errors(include_url=False))


def _complaint(item: dict[str, Any], missing: str) -> str:
    if item["type"] == "missing":
        message = missing
    elif item["type"] in _MESSAGES:
        message = _MESSAGES[item["type"]].format(**item.get("ctx", {}))
    else:
        message = str(item["msg"]).removeprefix("Value error, ")
    where = ".".join(str(step) for step in item["loc"])
    if not where:
        return message
    # A message of this package already contains what may be shown of the value.
    is_complete = item["type"] in {"missing", "value_error", "extra_forbidden"}
    given = "" if is_complete else f" (given: {_shown(item['input'])})"
    return f"field {where}: {message}{given}"


def _shown(value: object) -> str:
    shown = repr(redaction().json(value))
    return shown if len(shown) <= _LONGEST_INPUT else f"{shown[:_LONGEST_INPUT]}..."
