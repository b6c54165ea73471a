"""What a platform saw of a cluster or a job at one moment: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import DClusterError


class ClusterPhase(str, Enum):
    """What there is of a cluster."""

    ABSENT = "ABSENT"  # nothing of it exists
    STARTING = "STARTING"  # something exists, the master does not answer yet or workers are missing
    READY = "READY"  # the master or JobManager itself reports every worker
    BROKEN = "BROKEN"  # it cannot become or stay usable by itself


class JobPhase(str, Enum):
    """What there is of a job."""

    ABSENT = "ABSENT"  # the platform knows nothing of it
    PENDING = "PENDING"  # started, not yet working
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"  # it was started and its outcome can no longer be learnt


@dataclass(frozen=True)
class ObservationError:
    """A cluster or job that its platform does not tell of.

    :param is_refused: it will not before somebody changes something; otherwise it may, when it is asked again.
    """

    why: DClusterError
    is_refused: bool


@dataclass(frozen=True)
class ClusterObservation:
    """A cluster as it was seen.

    :param diagnosis: why, when the phase is BROKEN.
    :param hint: why it makes no progress, though it may yet.
    """

    phase: ClusterPhase
    master_url: str = ""
    ui_url: str = ""
    workers_ready: int = 0
    diagnosis: Diagnosis | None = None
    hint: Diagnosis | None = None


@dataclass(frozen=True)
class ApplicationEnd:
    """The end of a driver's Spark application, after which the driver goes on and has no other one.

    :param at: when, by whoever tells.
    :param is_finished: its master counts it as finished, or there is none.
    :param words: what the driver logged after it had stopped the application; none when its log does not tell that.
    :param evidence: lines that tell of the end.
    :param dump_command: what has the driver write its threads to its log.
    """

    at: datetime
    is_finished: bool = True
    words: tuple[str, ...] | None = None
    evidence: tuple[str, ...] = ()
    dump_command: str = "kill -QUIT"


@dataclass(frozen=True)
class JobObservation:
    """A job as it was seen.

    :param diagnosis: why, when the phase is FAILED or LOST.
    :param hint: why it makes no progress, though it may yet.
    :param savepoint: the folder of the savepoint that it was stopped with.
    :param savepoint_failure: why it cannot be stopped with the savepoint that is wanted.
    :param result: what the application handed back, as JSON text.
    :param application_end: its application has ended, though it is RUNNING.
    """

    phase: JobPhase
    ui_url: str = ""
    exit_code: int | None = None
    diagnosis: Diagnosis | None = None
    savepoint: str = ""
    savepoint_failure: Diagnosis | None = None
    result: str | None = None
    hint: Diagnosis | None = None
    application_end: ApplicationEnd | None = None
