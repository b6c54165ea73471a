"""Why something failed: the codes of what is wrong, and the cause, the evidence and what to do next.

The codes here are those that several systems give. Every other system has an enum of its own, derived from
:class:`DiagnosisCode`, beside the table or function that gives its codes. A platform that a third party ships does the
same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from dcluster_provider.core.redaction import redaction

_CAMEL_CASE = re.compile(r"(?:[A-Z][a-z0-9]*)+")


class CodeTrait(Enum):
    """What decides how a diagnosis is handled, whichever system gives it."""

    GENERIC = "It says that something failed and not why: a source that knows more replaces it."
    FROM_OUTSIDE = "What failed was ended by somebody else: whoever ended it knows why."
    UNREACHABLE = "A host was not reached: who knows which host it is says more."
    SHORTAGE = "There is no room for it at the moment, which says nothing against what was to run."


class DiagnosisCode(str, Enum):
    """A stable CamelCase word for what is wrong: a member of one of the enums that are derived from this one.

    A code equals its text, which is what JSON, rows and logs hold. Each text is used once.

    :param value: the text.
    :param meaning: when it is given, in one sentence; none for a code that this release does not have.
    :param traits: what decides how a diagnosis of this code is handled.
    """

    _value_: str
    meaning: str
    traits: frozenset[CodeTrait]

    def __new__(cls, value: str, meaning: str, *traits: CodeTrait) -> DiagnosisCode:  # noqa: D102, PYI034
        if not _CAMEL_CASE.fullmatch(value):
            raise ValueError(f"the code of a diagnosis has to be in CamelCase, not {value!r}")
        code = _make(cls, value, meaning, frozenset(traits))
        _KNOWN.setdefault(value, code)
        return code

    @classmethod
    def read(cls, value: str) -> DiagnosisCode:
        """The code with this text.

        A text that no enum has, of a newer release or of a platform that is not installed here, is kept as it is: a
        code without meaning and traits, which is written back unchanged.
        """
        known = _KNOWN.get(value)
        if known is not None:
            return known
        code = _make(DiagnosisCode, value, "", frozenset())
        code._name_ = value
        return code

    def __str__(self) -> str:
        return self._value_

    def __reduce_ex__(self, _protocol: object) -> tuple[object, ...]:
        return DiagnosisCode.read, (self._value_,)

    @property
    def is_generic(self) -> bool:
        """Whether it says that something failed and not why."""
        return CodeTrait.GENERIC in self.traits

    @property
    def is_from_outside(self) -> bool:
        """Whether somebody else ended what failed."""
        return CodeTrait.FROM_OUTSIDE in self.traits

    @property
    def is_unreachable(self) -> bool:
        """Whether a host was not reached."""
        return CodeTrait.UNREACHABLE in self.traits

    @property
    def is_shortage(self) -> bool:
        """Whether there is no room at the moment."""
        return CodeTrait.SHORTAGE in self.traits


_Code = TypeVar("_Code", bound=DiagnosisCode)


def _make(kind: type[_Code], value: str, meaning: str, traits: frozenset[CodeTrait]) -> _Code:
    code = str.__new__(kind, value)
    code._value_ = value
    code.meaning = meaning
    code.traits = traits
    return code


_KNOWN: dict[str, DiagnosisCode] = {}


class ProcessCode(DiagnosisCode):
    """How a process ended, when its log does not tell a cause."""

    EXIT_CODE = "ExitCode", "A process ended with an exit code, or in an unknown way.", CodeTrait.GENERIC
    KILLED_BY_SIGNAL = "KilledBySignal", "A signal killed a process.", CodeTrait.FROM_OUTSIDE
    JAVA_EXCEPTION = "JavaException", "A Java exception without a known cause ended it.", CodeTrait.GENERIC
    PYTHON_EXCEPTION = (
        "PythonException",
        "A Python exception without a known cause ended it.",
        CodeTrait.GENERIC,
    )


class ClusterCode(DiagnosisCode):
    """What is wrong with a cluster as a whole, on any platform."""

    BROKEN = "ClusterBroken", "A cluster stopped working, and its platform does not say why."
    ELSEWHERE = "ClusterElsewhere", "A cluster was made elsewhere than where its connection leads now."
    ENDED = "ClusterEnded", "A cluster has ended, so nothing can be started on it."
    RESIZING = "ClusterResizing", "A cluster does not have the number of workers yet that was asked for."
    TERMINATED = "ClusterTerminated", "Somebody terminated a cluster that others needed."
    UNREACHABLE = "PlatformUnavailable", "A platform did not answer before anything of the cluster was made."
    VANISHED = "ClusterVanished", "Everything of a cluster disappeared while it was in use."


class JobCode(DiagnosisCode):
    """What is wrong with a job as a whole, on any platform."""

    ENDED = "JobEnded", "A job that somebody waited for has ended without a diagnosis."
    FAILED = "JobFailed", "A job failed, and its platform does not say why."
    FUNCTION_RAISED = "FunctionRaised", "The function of a decorated task raised an exception."
    INVALID_SPEC = "InvalidSpec", "A field of the job cannot be accepted by its cluster."
    KILLED = "JobKilled", "Somebody stopped a job that was waited for."
    LOST = "JobLost", "A cluster no longer knows a job, so whether it finished cannot be told."
    MAIN_ENDED = "MainEnded", "A Spark application has ended, and its driver went on or goes on."
    NOT_RUNNING = "JobNotRunning", "A savepoint was asked for, and the job is not running."


class SavepointCode(DiagnosisCode):
    """Why a job was not stopped with a savepoint."""

    FAILED = "SavepointFailed", "Flink could not make a savepoint; the job goes on."
    GIVEN_UP = "SavepointGivenUp", "The savepoint is not wanted any more."
    JOB_ENDED = "EndedWithoutSavepoint", "The job ended before its savepoint was made."
    NO_JOB = "NoFlinkJob", "The job has no Flink job running of which a savepoint could be made."
    SEVERAL_JOBS = "SeveralFlinkJobs", "The job has several Flink jobs running, and a savepoint is of one."


class ConnectionCode(DiagnosisCode):
    """What is wrong with an Airflow connection, or with what it needs."""

    CLIENT_MISSING = "ClientMissing", "The client library of a cloud is not installed."
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        "A connection, or a job, has no credentials for what it needs.",
    )
    PERMISSION_MISSING = "PermissionMissing", "A cloud does not let the connection do something."
    PROVIDER_MISSING = "ProviderMissing", "The provider package that reads a connection is not installed."
    WRONG_TYPE = "WrongConnectionType", "A connection is of another type than it is used for."


class NodeCode(DiagnosisCode):
    """Why there are no machines, or none that are nodes, in any cloud."""

    LEFT = "NodesLeft", "Nodes that were to be destroyed are still there."
    MACHINE_ENDED = "MachineEnded", "Machines ended before they became nodes."
    NO_CAPACITY = "NoCapacity", "A cloud has no such machines at the moment."
    NOT_READY = "NodeNotReady", "Machines did not become ready nodes in time."
    REQUEST_REJECTED = "RequestRefused", "A cloud cannot accept a request as it is."


@dataclass(frozen=True)
class Diagnosis:
    """An explanation that a person can act on; what its texts assign to the name of a secret is taken out of them.

    :param code: what is wrong, for code that has to know.
    :param cause: what happened, in one sentence.
    :param remedy: what to do next, in one sentence.
    :param evidence: log lines, events or exit codes that show it, oldest first.
    """

    code: DiagnosisCode
    cause: str
    remedy: str
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rules = redaction()
        object.__setattr__(self, "cause", rules.text(self.cause))
        object.__setattr__(self, "remedy", rules.text(self.remedy))
        object.__setattr__(self, "evidence", tuple(rules.text(line) for line in self.evidence))

    def without(self, secrets: Sequence[str]) -> Diagnosis:
        """The same explanation without these values, wherever they stand in it."""
        if not secrets:
            return self
        rules = redaction()
        return replace(
            self,
            cause=rules.text(self.cause, secrets),
            remedy=rules.text(self.remedy, secrets),
            evidence=tuple(rules.text(line, secrets) for line in self.evidence),
        )

    def render(self) -> str:
        """The explanation as text for an error message or a log, several lines when there is evidence."""
        lines = [f"{self.cause} [{self.code}]"]
        lines += [f"  | {line}" for line in self.evidence]
        lines.append(f"What to do: {self.remedy}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The explanation as a JSON object, the reverse of :meth:`from_json`."""
        return {
            "code": str(self.code),
            "cause": self.cause,
            "remedy": self.remedy,
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Diagnosis:
        """The explanation that :meth:`as_json` wrote."""
        code = DiagnosisCode.read(value["code"])
        return cls(code, value["cause"], value["remedy"], tuple(value["evidence"]))
