"""What a Spark master reports of its workers and applications."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ApplicationEnd
from dcluster_provider.core.record import Job
from dcluster_provider.engines.rest import EngineRest, ErrorResponse, NoAnswer
from dcluster_provider.engines.spark.conf import Worker, application_name, executor_too_large
from dcluster_provider.engines.spark.main_end import after_stop

NO_APPLICATION = timedelta(seconds=180)  # a driver that has none by then is at work on something else
_CONNECTED = re.compile(r"Connected to Spark cluster with app ID (\S+)")


def request_state(rest: EngineRest) -> dict[str, Any]:
    """The master's own state, with its workers and applications.

    :raises NoAnswer: the master does not answer.
    :raises ErrorResponse: it answers with an error.
    """
    state: dict[str, Any] = rest.request("GET", "/json/")
    return state


def poll_state(rest: EngineRest) -> dict[str, Any] | None:
    """The same; none when the master gives none just now."""
    try:
        return request_state(rest)
    except (NoAnswer, ErrorResponse):
        return None


def application_ids(driver_log: str) -> list[str]:
    """The ids of the applications that a driver has registered, oldest first.

    :param driver_log: from its beginning.
    """
    return _CONNECTED.findall(driver_log)


def workers_alive(answer: Mapping[str, Any] | None) -> int:
    """How many workers the master reports."""
    return sum(worker["state"] == "ALIVE" for worker in (answer or {}).get("workers", ()))


def is_busy(answer: Mapping[str, Any]) -> bool:
    """Whether a master has an application or a driver at work, whoever submitted it."""
    return bool(answer.get("activeapps") or answer.get("activedrivers"))


def find_application(
    answer: Mapping[str, Any] | None, job: Job, application_id: str | None = None
) -> dict[str, Any] | None:
    """The job's application in a master's answer: by its id when that is known, else by its name."""
    applications = (answer or {}).get("activeapps", ())
    for application in applications:
        if application_id and application["id"] == application_id:
            return dict(application)
    for application in applications:
        if application["name"] == application_name(job):
            return dict(application)
    return None


def find_ended_application(
    answer: Mapping[str, Any] | None, job: Job, application_ids: Collection[str] = ()
) -> dict[str, Any] | None:
    """The last of the job's applications that a master counts as ended; none while another one of it is there.

    :param application_ids: of the applications of the job's driver, as far as they are known.
    """

    def is_own(application: Mapping[str, Any]) -> bool:
        return application["id"] in application_ids or application["name"] == application_name(job)

    if answer is None or any(is_own(each) for each in answer.get("activeapps", ())):
        return None
    return max(
        (dict(each) for each in answer.get("completedapps", ()) if is_own(each)),
        key=lambda each: int(each["starttime"]),
        default=None,
    )


def application_end(application: Mapping[str, Any], log: Sequence[str], dump_command: str) -> ApplicationEnd:
    """The end of an application that a master tells of.

    :param log: the end of the driver's log.
    """
    at = datetime.fromtimestamp((application["starttime"] + application["duration"]) / 1000, timezone.utc)
    words = after_stop(log)
    return ApplicationEnd(
        at,
        is_finished=application["state"] == "FINISHED",
        words=None if words is None else tuple(words),
        evidence=(f"application {application['id']}: {application['state']} at {at:%Y-%m-%d %H:%M:%S} UTC",),
        dump_command=dump_command,
    )


def never_satisfied(application: Mapping[str, Any], worker: Worker) -> Diagnosis | None:
    """Why an application waits for ever for its first executor; none when it need not."""
    wanted = application["memoryperexecutor"]
    if application["state"] != "WAITING" or application["cores"] > 0 or wanted <= worker.mib:
        return None
    return executor_too_large(wanted, worker.mib)
