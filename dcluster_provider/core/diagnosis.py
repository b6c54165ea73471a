"""Why something failed: the cause in one sentence, the evidence, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.core.redaction import redaction


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
