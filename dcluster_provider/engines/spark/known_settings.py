"""Spark's settings whose values are checked, and those that do nothing here or are decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.sizing import MAX_CORES
from dcluster_provider.engines.setting_checks import whole_number
from dcluster_provider.engines.spark import values


def _bytes(name: str, text: str) -> object:
    return values.memory_mib(name, text, "b")


def _kib(name: str, text: str) -> object:
    return values.memory_mib(name, text, "k")


def _count(low: int = 0, high: int = 10**6) -> Callable[[str, str], object]:
    return partial(whole_number, low=low, high=high)


def _factor(most: float) -> Callable[[str, str], object]:
    return partial(values.factor, most=most)


def _bytes_or_never(name: str, text: str) -> object:
    return None if text.strip() == "-1" else _bytes(name, text)


# By name: what reads the value, and raises when it is none.
KINDS: dict[str, Callable[[str, str], object]] = {
    "spark.driver.memory": values.positive_mib,
    "spark.executor.memory": values.positive_mib,
    "spark.dcluster.workerDaemonMemory": values.positive_mib,
    "spark.driver.memoryOverhead": values.memory_mib,
    "spark.executor.memoryOverhead": values.memory_mib,
    "spark.executor.pyspark.memory": values.memory_mib,
    "spark.python.worker.memory": values.memory_mib,
    "spark.memory.offHeap.size": _bytes,
    "spark.driver.maxResultSize": _bytes,
    "spark.kryoserializer.buffer": _kib,
    "spark.kryoserializer.buffer.max": values.memory_mib,
    "spark.reducer.maxSizeInFlight": values.memory_mib,
    "spark.shuffle.file.buffer": _kib,
    "spark.broadcast.blockSize": _kib,
    "spark.sql.files.maxPartitionBytes": _bytes,
    "spark.sql.autoBroadcastJoinThreshold": _bytes_or_never,
    "spark.driver.memoryOverheadFactor": _factor(100),
    "spark.executor.memoryOverheadFactor": _factor(100),
    "spark.kubernetes.memoryOverheadFactor": _factor(100),
    "spark.memory.fraction": _factor(1),
    "spark.memory.storageFraction": _factor(1),
    "spark.speculation.quantile": _factor(1),
    "spark.speculation.multiplier": _factor(1000),
    "spark.scheduler.minRegisteredResourcesRatio": _factor(1),
    "spark.driver.cores": _count(1, MAX_CORES),
    "spark.executor.cores": _count(1, MAX_CORES),
    "spark.task.cpus": _count(1, MAX_CORES),
    "spark.executor.instances": _count(1, 100_000),
    "spark.cores.max": _count(1),
    "spark.deploy.defaultCores": _count(1, 2**31 - 1),
    "spark.deploy.maxExecutorRetries": _count(-1),
    "spark.executor.maxNumFailures": _count(1),
    "spark.default.parallelism": _count(1),
    "spark.sql.shuffle.partitions": _count(1),
    "spark.task.maxFailures": _count(1),
    "spark.stage.maxConsecutiveAttempts": _count(1),
    "spark.rpc.message.maxSize": _count(1, 2047),
    "spark.dynamicAllocation.minExecutors": _count(),
    "spark.dynamicAllocation.maxExecutors": _count(1, 2**31 - 1),
    "spark.dynamicAllocation.initialExecutors": _count(),
    "spark.network.timeout": values.duration,
    "spark.executor.heartbeatInterval": values.duration,
    "spark.rpc.askTimeout": values.duration,
    "spark.locality.wait": values.duration,
    "spark.speculation.interval": values.duration,
    "spark.dynamicAllocation.executorIdleTimeout": values.duration,
    "spark.dynamicAllocation.schedulerBacklogTimeout": values.duration,
    "spark.scheduler.maxRegisteredResourcesWaitingTime": values.duration,
    "spark.sql.broadcastTimeout": values.duration,
    "spark.dynamicAllocation.enabled": values.flag,
    "spark.memory.offHeap.enabled": values.flag,
    "spark.speculation": values.flag,
    "spark.eventLog.enabled": values.flag,
    "spark.shuffle.service.enabled": values.flag,
    "spark.sql.adaptive.enabled": values.flag,
}

_POD = "has no effect: drivers run in client mode; give pods what they need by the connection's pod_template"
_DECIDED = "is decided by the platform; leave it out"
_TOLD = "is what the job's field of that name says; write that"
_BY_CLUSTER = "is decided by the cluster that the job runs on; name that in clusterName or clusterId"
_ON_CONNECTION = "is decided by the connection; set its {}"
# By pattern of a name: what to write instead.
INSTEAD = {
    r"spark\.master": _BY_CLUSTER,
    r"spark\.submit\.deployMode": "cannot be chosen: drivers run in client mode; leave it out",
    r"spark\.kubernetes\.namespace": "is decided by the connection; set its namespace, or write useExternalNamespace",
    r"spark\.kubernetes\.(?:driver\.|executor\.)?container\.image": "is decided by the job; write dockerImageName",
    r"spark\.kubernetes\.container\.image\.(?:pullPolicy|pullSecrets)": _ON_CONNECTION.format(
        "image_pull_policy and image_pull_secrets"
    ),
    r"spark\.kubernetes\.driverEnv\..+": (
        "has no effect: drivers run in client mode; hand the application arguments or pipelineConfig, or give pods "
        "environment by the connection's pod_template"
    ),
    r"spark\.kubernetes\.driver\.pod\.name": _DECIDED,
    r"spark\.kubernetes\.driver\.request\.cores|spark\.kubernetes\.driver\.limit\.cores": (
        "has no effect: drivers run in client mode; write spark.driver.cores"
    ),
    r"spark\.kubernetes\.driver\.(?!ownPersistentVolumeClaim|reusePersistentVolumeClaim).+": _POD,
    r"spark\.kubernetes\.executor\.podTemplate(?:File|ContainerName)": _ON_CONNECTION.format("pod_template"),
    r"spark\.kubernetes\.executor\.(?:podNamePrefix|deleteOnTermination)": _DECIDED,
    rf"spark\.kubernetes\.executor\.label\.(?:{LABEL_PREFIX}.+|app\.kubernetes\.io/managed-by)": _DECIDED,
    r"spark\.local\.dir": _DECIDED,  # which the environment of every process says
    r"spark\.dcluster\.(?:client|module|jobId|clusterId|clusterName|moduleType)": _TOLD,
    r"spark\.dcluster\.(?:pipelineVersion|pipelineConfig|codeVersion)": _TOLD,
    r"spark\.kubernetes\.authenticate\.(?:driver|executor)\.serviceAccountName": _ON_CONNECTION.format(
        "service_account and driver_service_account"
    ),
}
# On clusters of ours, whose processes know each other by a secret.
INSTEAD_ON_OURS = {r"spark\.authenticate\.secret(?:\..+)?": "is made anew for each cluster; leave it out"}
DECIDED = {"spark.authenticate": "true"}
