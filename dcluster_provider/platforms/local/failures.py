"""Why a cluster or a job of this machine failed, from its processes, their logs and the machine itself."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.sizing import MIB
from dcluster_provider.engines.evidence import cause_anywhere, explain_exit, last_words
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.files import contains, first_text, last_lines
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.ports import holder
from dcluster_provider.platforms.local.processes.process import Life, ProcessState

_DIAGNOSED_BYTES = 1024 * 1024  # of a log in which the cause of an end is looked for
_FULL_MIB = 1  # less free than this is a full disk


@dataclass(frozen=True)
class Terms:
    """What an engine calls its parts.

    :param master: in words that begin a sentence.
    :param worker: in words that begin a sentence, before the name of the worker.
    :param worker_name: what a worker's log calls it before it joins the master; none when that is its role.
    :param joined: what the master's log says when a worker joins, with a place for its ``name``.
    :param port_settings: the settings that choose ports, by purpose.
    """

    master: str
    worker: str
    worker_name: re.Pattern[str] | None
    joined: str
    port_settings: Mapping[str, str]


def judge_cluster(
    place: ClusterPlace, plan: ClusterPlan, terms: Terms, is_resizing: bool
) -> tuple[Diagnosis | None, Diagnosis | None]:
    """Why a cluster is broken, or why it does not get the workers that it is resized to.

    A worker that does not come up breaks a cluster that is launched, and none that others are at work on.
    """
    failure = cluster_failure(place, plan, terms)
    others = (place.process(role).state().life for role in plan.worker_roles)
    if failure is None or not is_resizing or place.process("master").state().is_over:
        return failure, None
    return (None, failure) if any(life is Life.RUNNING for life in others) else (failure, None)


def cluster_failure(place: ClusterPlace, plan: ClusterPlan, terms: Terms) -> Diagnosis | None:
    """Why a cluster cannot become or stay usable by itself; none when it can."""
    master = place.process("master").state()
    if master.is_over:
        found = process_failure(terms.master, master, place.log("master"), place.folder)
        return _name_port(found, plan, terms) if found.code == LogCode.PORT_TAKEN else found
    over = {role: state for role in plan.worker_roles if (state := place.process(role).state()).is_over}
    for role, state in over.items():
        # One that never joined has a cause that the others have too; one that did leaves them at work.
        if len(over) == len(plan.worker_roles) or not _has_joined(place, role, terms):
            return process_failure(f"{terms.worker} {role}", state, place.log(role), place.folder)
    return None


def _has_joined(place: ClusterPlace, role: str, terms: Terms) -> bool:
    # The master knows first: a worker that is killed as it joins has not said so itself.
    name = role
    if terms.worker_name is not None:
        found = terms.worker_name.search(first_text(place.log(role), _DIAGNOSED_BYTES))
        if found is None:
            return False
        name = found[1]
    return contains(place.log("master"), terms.joined.format(name=name))


def process_failure(what: str, state: ProcessState, log: Path, folder: Path) -> Diagnosis:
    """Why a process ended.

    :param what: the process in words that begin a sentence.
    :param folder: where it writes; a full disk there is part of the evidence.
    """
    lines: Sequence[str] = last_lines(log, _DIAGNOSED_BYTES)
    if state.error:
        lines = [*lines, state.error]
    if state.life is Life.LOST:
        return Diagnosis(
            LocalCode.PROCESS_LOST,
            f"{what} runs no more, and how it ended is not known: whoever watched it was killed with it.",
            "Look for a restart of the machine or a kill of all its processes, then run it again.",
            last_words(lines)[-8:],
        )
    found = explain_exit(what, state.code, lines)
    return _with_disk(found, folder)


def start_failure(folder: Path, error: Exception) -> Diagnosis:
    """Why something could not be started.

    :param error: of the system, or what the process runner said.
    """
    known = cause_anywhere(str(error).splitlines())
    if getattr(error, "errno", None) == errno.ENOSPC or (known and known.code == LogCode.DISK_FULL):
        return Diagnosis(
            LogCode.DISK_FULL,
            f"Nothing can be written below {folder} because its disk is full.",
            "Free space or move the local platform's home to a larger disk, then run it again.",
            (str(error), _free(folder)),
        )
    return Diagnosis(
        LocalCode.START_FAILED,
        f"A process could not be started: {error}",
        f"Make sure that {folder} can be written by this user, then run it again.",
        tuple(str(error).splitlines()[-8:]),
    )


def _with_disk(found: Diagnosis, folder: Path) -> Diagnosis:
    try:
        is_full = shutil.disk_usage(folder).free < _FULL_MIB * MIB
    except OSError:
        return found
    if found.code == LogCode.DISK_FULL:
        return replace(found, evidence=(*found.evidence, _free(folder)))
    if not is_full:
        return found
    return Diagnosis(
        LogCode.DISK_FULL,
        f"The disk of {folder} is full: {found.cause}",
        "Free space or move the local platform's home to a larger disk, then run it again.",
        (*found.evidence, _free(folder)),
    )


def _free(folder: Path) -> str:
    usage = shutil.disk_usage(folder)
    return f"{usage.free // 1024} KiB of {usage.total // MIB} MiB are free in {folder}"


def _name_port(found: Diagnosis, plan: ClusterPlan, terms: Terms) -> Diagnosis:
    for purpose, port in plan.ports.items():
        who, setting = holder(port), terms.port_settings[purpose]
        if who is None:
            continue
        remedy = "Run it again: another free port is chosen."
        if purpose in plan.given_ports:
            remedy = f"End that process, or choose another port in {setting}, then run it again."
        return Diagnosis(
            LogCode.PORT_TAKEN, f"Port {port} ({setting}) is taken by {who}.", remedy, found.evidence
        )
    return found
