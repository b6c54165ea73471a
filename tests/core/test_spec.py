from __future__ import annotations

import json

import pytest
from pydantic.alias_generators import to_snake

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.entity import field_names
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import parse

# The request bodies of sections 1.2 and 2.1 of the dCluster API, and what each field is read as.
CLUSTER_ENTITY = {
    "tenant": ("my-team", "my-team"),
    "workers": (3, 3),
    "workerCpu": ("2", "2"),
    "workerMemory": ("8Gi", "8Gi"),
    "masterCpu": ("1", "1"),
    "masterMemory": ("4Gi", "4Gi"),
    "type": ("spark3", "spark3"),
    "useOnDemandMaster": (True, True),
    "extraConfigs": ('{"spark.executor.instances": 2}', {"spark.executor.instances": "2"}),
    "launchNewNode": (True, True),
    "launchDynamicDisk": (False, False),
    "useExternalNamespace": (False, False),
    "clusterSuffix": ("", ""),
}
JOBS_TABLE_ENTITY = {
    "client": ("my-team", "my-team"),
    "module": ("data-processing", "data-processing"),
    "clusterName": ("spark-dev-myteam-123", "spark-dev-myteam-123"),
    "extraCmd": ('{"spark.executor.instances": 2}', {"spark.executor.instances": "2"}),
    "driverMemGb": (4, 4),
    "workerMemGb": (8, 8),
    "numWorkers": (3, 3),
    "emailRecipients": ("team@example.com", "team@example.com"),
    "pipelineVersion": ("1.0.0", "1.0.0"),
    "pipelineConfig": ("config.json", "config.json"),
    "codeVersion": ("v1.0", "v1.0"),
    "jobType": ("spark", "spark"),
    "moduleType": ("spark", "spark"),
    "keepAlive": (False, False),
    "useLongLivingCluster": (False, False),
    "useExternalCluster": (False, False),
    "useExternalNamespace": (False, False),
    "workerCpu": (2, 2),
    "workerDaemonMemory": ("2g", "2g"),
    "masterMemory": ("4g", "4g"),
    "dockerImageName": ("dv-spark:2.2.0", "dv-spark:2.2.0"),
}
ENTITIES = [(ClusterSpec, CLUSTER_ENTITY), (JobSpec, JOBS_TABLE_ENTITY)]
REQUIRED = {ClusterSpec: {"tenant": "team"}, JobSpec: {"client": "team", "module": "report"}}
FIELDS = [(kind, name, *values) for kind, entity in ENTITIES for name, values in entity.items()]


@pytest.mark.parametrize(("kind", "name", "given", "meant"), FIELDS)
@pytest.mark.parametrize("spelling", [str, to_snake])
def test_every_field_is_accepted_in_both_spellings(kind, name, given, meant, spelling):
    spec = parse(kind, REQUIRED[kind] | {spelling(name): given})
    assert getattr(spec, to_snake(name)) == meant


@pytest.mark.parametrize(("kind", "entity"), ENTITIES)
@pytest.mark.parametrize("shape", [dict, json.dumps])
@pytest.mark.parametrize("spelling", [str, to_snake])
def test_the_documented_body_is_accepted_whole(kind, entity, shape, spelling):
    body = {spelling(name): given for name, (given, _) in entity.items()}
    written = parse(kind, shape(body)).as_json()
    assert {name: written[name] for name in entity} == {name: meant for name, (_, meant) in entity.items()}


@pytest.mark.parametrize(("kind", "entity"), ENTITIES)
def test_what_is_written_is_read_back(kind, entity):
    spec = parse(kind, {name: given for name, (given, _) in entity.items()})
    assert parse(kind, spec.as_json()) == spec
    assert parse(kind, json.dumps(spec.as_json())) == spec
    assert parse(kind, spec) is spec


@pytest.mark.parametrize("kind", REQUIRED)
def test_defaults_are_themselves_acceptable(kind):
    spec = parse(kind, REQUIRED[kind])
    assert parse(kind, spec.as_json()) == spec


@pytest.mark.parametrize("kind", REQUIRED)
def test_both_spellings_are_known_names(kind):
    assert {"extra_configs", "extraConfigs"} <= field_names(ClusterSpec)
    assert all(to_snake(name) in kind.model_fields for name in field_names(kind))


@pytest.mark.parametrize("kind", [ClusterSpec, JobSpec, NodeRequest, DestroyRequest])
def test_every_field_describes_itself_in_sentences(kind):
    for name, schema in kind.model_json_schema(by_alias=True)["properties"].items():
        description = schema.get("description", "")
        assert description.endswith("."), name
        assert description[0].isupper(), name
    assert ":param" not in kind.__doc__


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ({"a.b": True, "c": 1.5, "d": 3, "e": "x y"}, {"a.b": "true", "c": "1.5", "d": "3", "e": "x y"}),
        ('{"a.b": false}', {"a.b": "false"}),
    ],
)
def test_settings_are_text_as_the_engine_writes_it(given, meant):
    assert parse(ClusterSpec, {"tenant": "team", "extraConfigs": given}).extra_configs == meant
    assert parse(JobSpec, REQUIRED[JobSpec] | {"extraCmd": given}).extra_cmd == meant


def test_specification_cannot_be_changed():
    spec = parse(ClusterSpec, REQUIRED[ClusterSpec])
    with pytest.raises(ValueError, match="frozen"):
        spec.workers = 5


@pytest.mark.parametrize(("kind", "engine"), [("spark", "spark"), ("spark3", "spark"), ("flink", "flink")])
def test_types_and_their_engines(kind, engine):
    assert parse(ClusterSpec, {"tenant": "team", "type": kind}).engine == engine
    assert parse(JobSpec, REQUIRED[JobSpec] | {"jobType": kind}).engine == engine


def test_numbers_are_taken_for_the_text_they_write():
    spec = parse(ClusterSpec, {"tenant": 42, "workerCpu": 2, "masterCpu": 0.5})
    assert (spec.tenant, spec.worker_cpu, spec.master_cpu) == ("42", "2", "0.5")
    assert parse(JobSpec, REQUIRED[JobSpec] | {"args": [1, "two", 3.5]}).args == ("1", "two", "3.5")


@pytest.mark.parametrize(
    ("args", "refused"),
    [
        (["x" * 131071], ""),
        (["x" * 131072], r"field args\.0: has 131072 bytes; Linux passes a program at most 131071"),
        (["a", "ä" * 65536], r"field args\.1: has 131072 bytes"),
        (["x" * 131071] * 4, ""),
        (["x" * 131071] * 4 + ["y"], "field args: has 524290 bytes of arguments; the most is 524288 in all"),
    ],
    ids=range(5),
)
def test_arguments_that_no_program_can_be_handed_are_refused(args, refused):
    if not refused:
        assert parse(JobSpec, REQUIRED[JobSpec] | {"args": args}).args == tuple(args)
        return
    with pytest.raises(InvalidSpec, match=refused) as refusal:
        parse(JobSpec, REQUIRED[JobSpec] | {"args": args})
    assert len(str(refusal.value)) < 500


def test_settings_that_no_object_holds_are_refused():
    with pytest.raises(InvalidSpec, match="field extraCmd: has 70007 bytes of settings; the most is 65536"):
        parse(JobSpec, REQUIRED[JobSpec] | {"extraCmd": {"spark.x": "y" * 70000}})


def test_own_cluster_is_sized_by_the_job():
    job = parse(
        JobSpec,
        {
            "client": "team",
            "module": "report",
            "jobType": "flink",
            "numWorkers": 3,
            "workerMemGb": 2.5,
            "workerCpu": 4,
            "masterMemory": "4g",
            "useExternalNamespace": True,
        },
    )
    cluster = job.own_cluster()
    assert (cluster.tenant, cluster.type, cluster.workers) == ("team", "flink", 3)
    assert (cluster.worker_memory, cluster.worker_cpu, cluster.master_memory) == ("2.5Gi", "4", "4g")
    assert cluster.use_external_namespace
    assert not cluster.long_living
    shared = job.model_copy(update={"use_long_living_cluster": True}).own_cluster()
    assert shared.long_living


@pytest.mark.parametrize("gigabytes", [0.1, 0.3, 1, 1234.5, 4096])
def test_own_cluster_accepts_what_the_job_accepts(gigabytes):
    job = parse(
        JobSpec, REQUIRED[JobSpec] | {"workerMemGb": gigabytes, "numWorkers": 1000, "workerCpu": 1024}
    )
    assert job.own_cluster().worker_memory == f"{gigabytes:g}Gi"


def test_every_complaint_is_told_at_once():
    with pytest.raises(InvalidSpec) as raised:
        parse(ClusterSpec, {"workers": 0, "workerMemory": "8GB", "type": "hadoop"})
    for field in ("tenant", "workers", "workerMemory", "type"):
        assert f"field {field}: " in str(raised.value)


def test_settings_with_secrets_are_not_repeated_in_complaints():
    for value in ('{"password": "s3cret"', ["s3cret"], {"password": ["s3cret"]}, {"a b": "s3cret"}):
        with pytest.raises(InvalidSpec) as raised:
            parse(ClusterSpec, {"tenant": "team", "extraConfigs": value})
        assert "s3cret" not in str(raised.value)
    with pytest.raises(InvalidSpec) as raised:
        parse(ClusterSpec, {"tenant": "team", "passwrd": "s3cret"})
    assert "s3cret" not in str(raised.value)


def test_only_flink_jobs_start_from_a_savepoint_and_from_one():
    job = REQUIRED[JobSpec] | {"savepoint": "file:/savepoints/savepoint-1"}
    assert parse(JobSpec, job | {"jobType": "flink"}).savepoint == "file:/savepoints/savepoint-1"
    with pytest.raises(
        InvalidSpec, match="field savepoint: only Flink jobs start from one; jobType is 'spark3'"
    ):
        parse(JobSpec, job)
    for setting in ("execution.state-recovery.path", "execution.savepoint.path"):
        with pytest.raises(InvalidSpec, match=f"field savepoint: extraCmd names one too, in {setting}"):
            parse(JobSpec, job | {"jobType": "flink", "extraCmd": {setting: "/other"}})


@pytest.mark.parametrize("name", ["idle_timeout", "max_lifetime"])
def test_a_time_that_no_clock_holds_is_refused(name):
    with pytest.raises(InvalidSpec, match="can be at most 2147483647"):
        parse(ClusterSpec, {"tenant": "t", name: 10**30})


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({}, (1, 1, 1)),
        ({"workers": 3}, (3, 3, 3)),
        ({"maxWorkers": 4}, (1, 1, 4)),
        ({"minWorkers": 2, "maxWorkers": 4}, (2, 2, 4)),
        ({"workers": 3, "minWorkers": 2, "maxWorkers": 4}, (2, 3, 4)),
    ],
)
def test_an_elastic_cluster_begins_within_its_bounds(given, sizes):
    spec = parse(ClusterSpec, {"tenant": "t"} | given)
    assert (spec.min_size, spec.workers, spec.max_size) == sizes
    assert spec.is_elastic is ("maxWorkers" in given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"minWorkers": 2}, "field minWorkers: only an elastic cluster has one; give maxWorkers, too"),
        ({"minWorkers": 3, "maxWorkers": 2}, "field minWorkers: 3 is more than maxWorkers, which is 2"),
        ({"workers": 5, "maxWorkers": 4}, "field workers: 5 is not from 1 to 4"),
        ({"workers": 1, "minWorkers": 2, "maxWorkers": 4}, "field workers: 1 is not from 2 to 4"),
        (
            {"maxWorkers": 4, "launchNewNode": True},
            "field maxWorkers: launchNewNode launches nodes for a fixed",
        ),
        (
            {"maxWorkers": 4, "singleJob": True},
            "field maxWorkers: singleJob serves one job, whose own maxWorkers",
        ),
        ({"maxWorkers": 0}, "field maxWorkers: has to be at least 1"),
        ({"maxWorkers": 1001}, "field maxWorkers: can be at most 1000"),
    ],
)
def test_bounds_of_a_cluster_that_cannot_be_are_refused(given, why):
    with pytest.raises(InvalidSpec, match=why):
        parse(ClusterSpec, {"tenant": "t"} | given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"minWorkers": 2}, "field minWorkers: means something beside maxWorkers alone; give that, too"),
        ({"minWorkers": 3, "maxWorkers": 2}, "field minWorkers: 3 is more than maxWorkers, which is 2"),
        (
            {"numWorkers": 5, "maxWorkers": 4},
            "field numWorkers: 5 is not from 1 to 4, .*that the job begins with",
        ),
    ],
)
def test_bounds_of_a_job_that_cannot_be_are_refused(given, why):
    with pytest.raises(InvalidSpec, match=why):
        parse(JobSpec, {"client": "c", "module": "m", "application": "a.py"} | given)


@pytest.mark.parametrize(
    ("kind", "given", "sizes"),
    [
        ("spark3", {"maxWorkers": 4}, (4, 4, 4)),  # workers that executors come and go on
        ("spark3", {"maxWorkers": 4, "numWorkers": 2}, (4, 4, 4)),
        ("flink", {"maxWorkers": 4}, (1, 1, 4)),
        ("flink", {"maxWorkers": 4, "minWorkers": 2, "numWorkers": 3}, (2, 3, 4)),
    ],
)
def test_the_own_cluster_of_a_job_with_bounds(kind, given, sizes):
    job = parse(JobSpec, {"client": "c", "module": "m", "application": "a.py", "jobType": kind} | given)
    own = job.own_cluster()
    assert (own.min_size, own.workers, own.max_size) == sizes
