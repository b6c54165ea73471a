"""Settings are refused where they enter, by field and name, when their value is none or they would do nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.flink import known_settings as flink_settings
from dcluster_provider.engines.flink.conf import java_options
from dcluster_provider.engines.spark import known_settings as spark_settings
from dcluster_provider.engines.table import engine_of


def check_job(spec):
    engine_of(spec).check_job(spec)


def check_cluster(spec):
    engine_of(spec).check_cluster(spec)


def job(**fields):
    return JobSpec(client="team", module="etl", **fields)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("spark.driver.memory", "lots", "not an amount of memory"),
        ("spark.driver.memory", "0", "less than 1m"),
        ("spark.driver.memory", "-1g", "not an amount"),
        ("spark.driver.memory", "1.5g", "not an amount"),
        ("spark.driver.memory", "9" * 30, "not an amount"),
        ("spark.executor.memory", "8192g", "the most is 4096g"),
        ("spark.executor.memoryOverheadFactor", "half", "not a number from 0 to 100"),
        ("spark.memory.fraction", "1.5", "not a number from 0 to 1"),
        ("spark.executor.cores", "2.5", "not a whole number from 1 to 1024"),
        ("spark.executor.instances", "0", "not a whole number from 1"),
        ("spark.sql.shuffle.partitions", "many", "not a whole number"),
        ("spark.network.timeout", "soon", "not a duration such as 30s"),
        ("spark.memory.offHeap.enabled", "yes", "neither true nor false"),
        ("spark.master", "local[*]", "decided by the cluster .* clusterName"),
        ("spark.submit.deployMode", "cluster", "client mode"),
        ("spark.kubernetes.namespace", "other", "useExternalNamespace"),
        ("spark.kubernetes.container.image", "other", "dockerImageName"),
        ("spark.kubernetes.driverEnv.MODE", "x", "has no effect: drivers run in client mode"),
        ("spark.kubernetes.driver.label.team", "x", "pod_template"),
        ("spark.kubernetes.driver.request.cores", "2", "write spark.driver.cores"),
        ("spark.kubernetes.executor.podTemplateFile", "x", "set its pod_template"),
    ],
)
def test_a_setting_of_spark_is_refused(name, text, message):
    with pytest.raises(InvalidSpec, match=rf"^field extraCmd: {name} .*{message}"):
        check_job(job(extra_cmd={name: text}))
    with pytest.raises(InvalidSpec, match=rf"^field extraConfigs: {name} .*{message}"):
        check_cluster(ClusterSpec(tenant="team", extra_configs={name: text}))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("parallelism.default", "many", "not a whole number from 1"),
        ("taskmanager.cpu.cores", "-1", "not a number from 0.001"),
        ("heartbeat.timeout", "soon", "not a duration such as 10 s"),
        ("taskmanager.memory.segment-size", "lots", "not an amount of memory"),
        ("rest.bind-address", "0.0.0.0", "decided by the platform"),
        ("taskmanager.host", "here", "decided by the platform"),
    ],
)
def test_a_setting_of_flink_is_refused(name, text, message):
    with pytest.raises(InvalidSpec, match=rf"^field extraCmd: {name} .*{message}"):
        check_job(job(job_type="flink", extra_cmd={name: text}))
    with pytest.raises(InvalidSpec, match=rf"^field extraConfigs: {name} .*{message}"):
        check_cluster(ClusterSpec(tenant="team", type="flink", extra_configs={name: text}))


def test_what_a_jobs_own_flink_cluster_is_given_comes_too_late_for_one_that_runs():
    settings = {"taskmanager.memory.managed.size": "0"}
    check_job(job(job_type="flink", extra_cmd=settings))
    with pytest.raises(InvalidSpec, match="write it in extraConfigs when the cluster is launched"):
        check_job(job(job_type="flink", extra_cmd=settings, cluster_id=7))
    with pytest.raises(InvalidSpec, match="give the whole process's workerMemGb"):
        check_job(job(job_type="flink", extra_cmd={"taskmanager.memory.process.size": "2g"}))


@pytest.mark.parametrize(
    "settings",
    [
        {"spark.executor.instances": 2},  # the seed's
        {"spark.driver.memory": "512", "spark.driver.maxResultSize": "0", "spark.network.timeout": "120s"},
        {
            "spark.sql.autoBroadcastJoinThreshold": -1,
            "spark.locality.wait": "0",
            "spark.memory.fraction": 0.6,
        },
        {"spark.kubernetes.executor.label.team": "x", "spark.kubernetes.executor.request.cores": "500m"},
        {"spark.nobody.knows": "lots"},
    ],
)
def test_what_spark_takes_is_taken(settings):
    check_job(job(extra_cmd=settings))
    check_cluster(ClusterSpec(tenant="team", extra_configs=settings))


@pytest.mark.parametrize(
    "settings",
    [
        {
            "execution.checkpointing.interval": "10 s",
            "heartbeat.timeout": "50000",
            "slot.idle.timeout": "5min",
        },
        {
            "parallelism.default": 4,
            "table.exec.state.ttl": "1 d",
            "restart-strategy.fixed-delay.delay": "PT1M",
        },
        {"env.java.opts.all": "-Da=b", "rest.port": 8081},
    ],
)
def test_what_flink_takes_is_taken(settings):
    check_cluster(ClusterSpec(tenant="team", type="flink", extra_configs=settings))


@given(st.text(max_size=12), st.sampled_from([*spark_settings.KINDS.items(), *flink_settings.KINDS.items()]))
def test_any_text_is_read_or_refused_by_name(text, known):
    name, read = known
    try:
        read(name, text)
    except InvalidSpec as error:
        assert str(error).startswith(name)  # noqa: PT017


def test_java_options_of_flink_are_added_to_those_it_needs():
    options = java_options(
        {"env.java.opts.all": "-Da='b c'", "env.java.opts.taskmanager": "-Dd"}, "taskmanager"
    )
    assert options[-2:] == ["-Da=b c", "-Dd"]
    assert java_options({"env.java.opts.all": "-Da=b"}).count("-Da=b") == 1
