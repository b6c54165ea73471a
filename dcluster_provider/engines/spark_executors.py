"""What a driver's log says of executors that end before any of them has worked.

Spark's master counts such failures (``spark.deploy.maxExecutorRetries``) and forgets the count as soon as the process
of an executor has started, so one that ends a moment later is replaced for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dcluster_provider.core.diagnosis import Diagnosis

_RETRIES = "spark.deploy.maxExecutorRetries"
_MOST_ENDED = 10  # as many as Spark's master would allow
_ENDED = re.compile(r"Executor (\S+/\d+) removed: (Command exited with code (?!0\b)-?\d+)")
_RULE, _COMMAND = re.compile(r"={20,}"), "Spark Executor Command: "
_JOINED = "Registered executor "


def has_executor(driver_log: str) -> bool:
    """Whether an executor has come to the driver, ready to work."""
    return _JOINED in driver_log


def ended_at_start(driver_log: str, settings: Mapping[str, str]) -> Diagnosis | None:
    """Why a job will never have an executor: one after the other ended; none while it may.

    :param driver_log: from its beginning.
    :param settings: the job's and its cluster's; Spark's own number of retries is followed, and -1 means for ever.
    """
    text = settings.get(_RETRIES, "")
    most = int(text) if re.fullmatch(r"-?\d{1,6}", text) else _MOST_ENDED
    if most < 0:
        return None
    ended = _ENDED.findall(driver_log.partition(_JOINED)[0])
    if _JOINED in driver_log or len(ended) < max(1, most):
        return None
    return Diagnosis(
        "ExecutorsFailed",
        f"{len(ended)} executors of the job ended one after the other before any of them could work.",
        "Read the executors' lines, correct what they complain of (spark.executor.extraJavaOptions, "
        "spark.executor.extraClassPath, memory), then run the job again.",
        tuple(f"executor {name}: {how}" for name, how in ended[-3:]),
    )


def executor_words(lines: Sequence[str]) -> list[str]:
    """What an executor printed, without the command that Spark writes before it: that one may hold secrets.

    :param lines: the last ones of its standard error.
    """
    rule = next((number for number, line in enumerate(lines) if _RULE.fullmatch(line)), -1)
    return [line for line in lines[rule + 1 :] if line.strip() and not line.startswith(_COMMAND)]
