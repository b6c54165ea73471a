"""Keys, names, labels, epochs and locations: a repeated request leads to the same cluster or job."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

MAX_NAME = 52  # a StatefulSet's pods append to it and must stay below 63
LABEL_PREFIX = "dcluster.io/"
NODES_OF = LABEL_PREFIX + "nodes-of"  # label and taint of nodes that one cluster has for itself
_SERVER = ", Kubernetes "


@dataclass(frozen=True)
class Owner:
    """The Airflow task that requests a cluster, a job or nodes.

    :param epoch: the number of the attempt that began it: it changes when a person clears the task, and not when
        Airflow retries it. See :class:`Epoch`.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    epoch: int = 0

    @property
    def key(self) -> str:
        """The request key: the same for every attempt of one epoch of the task."""
        return _digest(*(str(part) for part in asdict(self).values()))

    def __str__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{index} of {self.run_id}"

    def as_json(self) -> dict[str, Any]:
        """The owner as a JSON object."""
        return asdict(self)


def fresh_key() -> str:
    """A key for a request that has none, such as a person's command."""
    return secrets.token_hex(16)


def derived_key(key: str, purpose: str) -> str:
    """The key of a request that follows from another one, such as a job's own cluster."""
    return _digest(key, purpose)


def flink_job_id(key: str, generation: int) -> str:
    """The id that a Flink job is submitted under, 32 hexadecimal digits: Flink rejects a second submission of it."""
    return _digest(key, str(generation))


def savepoint_trigger(key: str, generation: int, requested_at: datetime) -> str:
    """The id of a request for a savepoint, 32 hexadecimal digits: Flink answers a repetition like the first one.

    :param requested_at: distinguishes a new request from an earlier one that failed.
    """
    return _digest(key, str(generation), "savepoint", requested_at.isoformat())


def cluster_name(cluster_type: str, env: str, tenant: str, at: datetime, suffix: str = "") -> str:
    """A cluster's name, ``{type}-{env}-{tenant}-{timestamp}``, a DNS label of at most 52 characters.

    A tenant or environment that is too long or has no usable character keeps its identity through a short hash.

    :param suffix: at most 16 characters, which leaves the environment 3 and the tenant 6.
    """
    stamp = at.strftime("%Y%m%d%H%M%S") + f"{at.microsecond // 1000:03d}"
    tail = "-".join(part for part in (stamp, suffix) if part)
    room = MAX_NAME - len(cluster_type) - len(tail) - 3
    env_label = dns_label(env, min(12, room - len(_mark(tenant)))) if env else ""
    tenant_label = dns_label(tenant, room - len(env_label))
    return "-".join(part for part in (cluster_type, env_label, tenant_label, tail) if part)


def dns_label(text: str, length: int) -> str:
    """Text as a part of a DNS label: lower case letters, digits and dashes; a hash replaces what does not fit."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if label and len(label) <= length:
        return label
    mark = _mark(text)
    stem = label[: max(0, length - 7)].strip("-")
    return f"{stem}-{mark}" if stem else mark[:length]


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def label_value(text: str) -> str:
    """Text as a Kubernetes label value: at most 63 of letters, digits, ``-``, ``_`` and ``.``."""
    value = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")
    if value == text and len(value) <= 63:
        return value
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    stem = value[:54].rstrip("-_.")
    return f"{stem}-{mark}" if stem else mark


def labels(  # noqa: PLR0917  # each is one label
    deployment: str, registry_id: str, cluster_id: int, name: str, key: str, owner: Owner | None
) -> dict[str, str]:
    """The labels that everything made for a cluster carries.

    :param registry_id: id of the registry; empty for objects of a version without these ids.
    """
    values = {"deployment": deployment, "cluster-id": str(cluster_id), "cluster-name": name, "key": key}
    if registry_id:
        values["registry"] = registry_id
    if owner is not None:
        values |= {"dag": owner.dag_id, "run": owner.run_id, "task": owner.task_id}
    return {LABEL_PREFIX + part: label_value(value) for part, value in values.items()}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Epoch:
    """The attempts of an Airflow task that belong together: those without a clear between them.

    What is stored of an epoch is the attempt that began it: its number, and what Airflow reported in it. The fields are
    those of :class:`Attempt`.

    Airflow does not report to a task that it was cleared. A clear sets ``max_tries`` to the attempts until then plus
    the retries that the task has at that moment, and nothing else changes it; but neither number alone is an epoch.
    ``max_tries`` less the task's retries changes when the DAG is deployed with other retries. ``max_tries`` itself
    stays, falls or returns to an old value when a task is cleared that was deployed with fewer.

    A retry and a clear are indistinguishable when the DAG was deployed with exactly as many retries fewer as were used
    up, and tasks of the run were cleared meanwhile. Then a clear is assumed: running twice is better than ignoring a
    person.
    """

    number: int
    max_tries: int
    run_clears: int


@dataclass(frozen=True)
class Attempt:
    """An attempt of a task, as Airflow reports it to the task.

    :param number: 1 for the first.
    :param max_tries: of the task instance.
    :param retries: of the task as it is deployed now.
    :param run_clears: how often tasks of the run were cleared, whichever they were.
    """

    number: int
    max_tries: int
    retries: int
    run_clears: int = 0

    def begins(self) -> Epoch:
        """The epoch that this attempt begins; None when it belongs to an earlier one."""
        return Epoch(self.number, self.max_tries, self.run_clears)

    def goes_on_with(self, epoch: Epoch) -> bool:
        """Whether no clear lies between the first attempt of an epoch and this one."""
        if self.number == epoch.number:
            return True
        if self.max_tries != epoch.max_tries:
            return False
        return self.run_clears == epoch.run_clears or not self._is_as_after_a_clear()

    def _is_as_after_a_clear(self) -> bool:
        """Whether a clear would have set this ``max_tries``, or a retry would have exceeded it."""
        before = self.number - 1
        return self.max_tries - self.retries == before or before > self.max_tries


def namespace_location(namespace: str, server: str) -> str:
    """The location of what is in a namespace.

    :param server: the identity of the Kubernetes cluster behind the API server; empty while it is unknown.
    """
    return f"namespace {namespace}" + (f"{_SERVER}{server}" if server else "")


def is_same_location(one: str, other: str) -> bool:
    """Whether two locations may be the same one: a location without a server matches any server."""
    (name, _, server), (other_name, _, other_server) = one.partition(_SERVER), other.partition(_SERVER)
    return name == other_name and (not server or not other_server or server == other_server)


def is_more_precise(known: str, observed: str) -> bool:
    """Whether an observed location is the known one, with the server that the known one does not name."""
    return observed != known and _SERVER not in known and is_same_location(known, observed)
