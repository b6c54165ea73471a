"""What a driver's log says of executors that end before any of them has worked.

Spark's master counts such failures (``spark.deploy.maxExecutorRetries``) and forgets the count as soon as the process
of an executor has started, so one that ends a moment later is replaced for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.engines.evidence import explain_exit
from dcluster_provider.engines.spark.log_patterns import SparkCode

_RETRIES = "spark.deploy.maxExecutorRetries"
_MAX_ENDED = 10  # as many as Spark's master would allow
_ADDED = re.compile(r"Executor added: (\S+)/(\d+) on (worker-\S+) ")
_GRANTED = "Granted executor ID "
_ENDED = re.compile(r"Executor (\S+/\d+) removed: (Command exited with code (?!0\b)-?\d+)")
_HEADER = "==== Bytes "  # what a worker's page writes before a part of a log
_RULE, _COMMAND = re.compile(r"={20,}"), "Spark Executor Command: "
_JOINED = "Registered executor "
_GRANTED_WITHIN, _COMES_WITHIN = timedelta(seconds=30), timedelta(seconds=120)  # on a busy machine, too
OUTPUTS = ("stderr", "stdout")  # names of an executor's logs


def awaits_executor(driver_log: str, age: timedelta) -> bool:
    """Whether the first executor has still to come to the driver, as far as its log tells.

    :param driver_log: from its beginning.
    :param age: of its application: a driver tells of an executor a moment after its master has given it one, and the
        program may have chosen a level of logging at which neither that nor its coming is told.
    """
    if _JOINED in driver_log:
        return False
    if _ENDED.search(driver_log):
        return True
    return age < (_COMES_WITHIN if _GRANTED in driver_log else _GRANTED_WITHIN)


def words_addresses(driver_log: str, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Where a master that is a proxy of its workers' pages shows what the executor that ended last has printed.

    :param diagnosis: of :func:`ended_at_start`.
    :returns: the addresses of both outputs: Java complains of its options on the standard one. Empty when the log does
        not tell the executor's worker.
    """
    workers = {f"{app}/{number}": worker for app, number, worker in _ADDED.findall(driver_log)}
    name = diagnosis.evidence[-1].removeprefix("executor ").partition(":")[0]
    if name not in workers:
        return ()
    app, _, number = name.partition("/")
    # With its last slash: without it Spark answers with a redirection.
    page = f"/proxy/{workers[name]}/log/?appId={app}&executorId={number}&byteLength=65536&logType="
    return tuple(page + output for output in OUTPUTS)


def with_words(diagnosis: Diagnosis, lines: Sequence[str]) -> Diagnosis:
    """The diagnosis of executors that failed, told by one of them, once however often it is told.

    :param lines: what it printed last.
    """
    told = explain_exit("An executor", None, lines)
    if diagnosis.evidence[1:] == told.evidence:
        return diagnosis
    cause = diagnosis.cause if told.code == ProcessCode.EXIT_CODE else f"{diagnosis.cause} {told.cause}"
    return replace(diagnosis, cause=cause, evidence=(*diagnosis.evidence[:1], *told.evidence))


def ended_at_start(driver_log: str, settings: Mapping[str, str]) -> Diagnosis | None:
    """Why a job will never have an executor: one after the other ended; none while it may.

    :param driver_log: from its beginning.
    :param settings: the job's and its cluster's; Spark's own number of retries is followed, and -1 means for ever.
    """
    text = settings.get(_RETRIES, "")
    most = int(text) if re.fullmatch(r"-?\d{1,6}", text) else _MAX_ENDED
    if most < 0:
        return None
    ended = _ENDED.findall(driver_log.partition(_JOINED)[0])
    if _JOINED in driver_log or len(ended) < max(1, most):
        return None
    return Diagnosis(
        SparkCode.EXECUTORS_FAILED,
        f"{len(ended)} executors of the job ended one after the other before any of them could work.",
        "Read the executors' lines, correct what they complain of (spark.executor.extraJavaOptions, "
        "spark.executor.extraClassPath, memory), then run the job again.",
        tuple(f"executor {name}: {how}" for name, how in ended[-3:]),
    )


def executor_words(lines: Sequence[str]) -> list[str]:
    """What an executor printed, without the command that Spark writes before it: that one may hold secrets.

    :param lines: the last ones of one of its outputs.
    """
    rule = next((number for number, line in enumerate(lines) if _RULE.fullmatch(line)), -1)
    return [line for line in lines[rule + 1 :] if line.strip() and not line.startswith((_COMMAND, _HEADER))]
