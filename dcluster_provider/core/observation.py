"""What a platform observed of a cluster or a job: facts without judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import DClusterError


class ClusterPhase(str, Enum):
    """What exists of a cluster."""

    ABSENT = "ABSENT"  # nothing of it exists
    STARTING = "STARTING"  # something exists, the master does not answer yet or workers are missing
    ADMITTED = "ADMITTED"  # the queue that it waited in lets it start: its pods can be made
    READY = "READY"  # the master or JobManager itself reports every worker
    BROKEN = "BROKEN"  # it cannot become or stay usable by itself


class JobPhase(str, Enum):
    """What exists of a job."""

    ABSENT = "ABSENT"  # the platform knows nothing of it
    PENDING = "PENDING"  # started, not yet working
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"  # it was started and its outcome is unknown for good


@dataclass(frozen=True)
class ObservationError:
    """A cluster or job that its platform could not observe.

    :param why: the error.
    :param is_refused: whether the platform rejects polls until something is changed; otherwise a later one may succeed.
    """

    why: DClusterError
    is_refused: bool


@dataclass(frozen=True)
class ClusterObservation:
    """The observed facts of a cluster.

    :param diagnosis: why it is BROKEN.
    :param hint: why it makes no progress, although it still may.
    """

    phase: ClusterPhase
    master_url: str = ""
    ui_url: str = ""
    workers_ready: int = 0
    diagnosis: Diagnosis | None = None
    hint: Diagnosis | None = None


@dataclass(frozen=True)
class ApplicationEnd:
    """The end of a driver's Spark application, after which the driver keeps running without another one.

    :param at: when it ended, by the clock of whoever reports it.
    :param is_finished: whether its master counts it as finished; True without a master.
    :param words: what the driver logged after it had stopped the application; None when its log does not show that.
    :param evidence: lines that show the end.
    :param dump_command: the command that makes the driver print its threads to its log.
    """

    at: datetime
    is_finished: bool = True
    words: tuple[str, ...] | None = None
    evidence: tuple[str, ...] = ()
    dump_command: str = "kill -QUIT"


@dataclass(frozen=True)
class JobObservation:
    """The observed facts of a job.

    :param diagnosis: why it is FAILED or LOST.
    :param hint: why it makes no progress, although it still may.
    :param savepoint: the folder of the savepoint that it was stopped with.
    :param savepoint_failure: why the requested savepoint failed.
    :param result: the result that the application returned, as JSON text.
    :param application_end: the end of its application, although it is RUNNING.
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
