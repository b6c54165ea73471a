from __future__ import annotations

from dataclasses import replace

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, create_engine, insert, inspect, text

from dcluster_provider.core.errors import RegistryUnusable
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry.migrations import HEAD, alembic_config, migrate
from dcluster_provider.registry.models import VERSION_TABLE, metadata
from dcluster_provider.registry.store import Registry


@pytest.fixture
def engine(registry_url):
    migrate(registry_url)
    engine = create_engine(registry_url, future=True)
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_models(engine):
    def is_ours(_object, name, kind, *_comparison):
        return kind != "table" or name.startswith("dcluster_")

    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_object": is_ours}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_that_the_code_expects():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_current_head() == HEAD


def test_migrating_again_changes_nothing(registry_url, claim_cluster):
    cluster = claim_cluster(Registry(registry_url)).record
    migrate(registry_url)
    assert Registry(registry_url).clusters.list() == [cluster]


def test_other_tables_of_the_database_are_left_alone(registry_url, tmp_path):
    (tmp_path / "new").mkdir()
    engine = create_engine(registry_url, future=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('of another program')"))
    migrate(registry_url)
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            == "of another program"
        )
    engine.dispose()


def test_a_newer_schema_is_refused_and_left_as_it_is(engine, registry_url, claim_cluster):
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        connection.execute(text("DROP TABLE dcluster_event"))
    tables = sorted(inspect(engine).get_table_names())
    with pytest.raises(
        RegistryUnusable, match=rf"schema 9999.*none beyond {HEAD}.*Upgrade dcluster-provider"
    ):
        claim_cluster(Registry(registry_url))
    assert sorted(inspect(engine).get_table_names()) == tables
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "9999"


def store_in_schema(registry_url, revision, table, row):
    """A registry of an older schema with one row."""
    engine = create_engine(registry_url, future=True)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)
    with engine.begin() as connection:
        connection.execute(insert(Table(table, MetaData(), autoload_with=connection)), row)
    engine.dispose()


def test_jobs_of_the_first_schema_are_kept(registry_url, tmp_path, now):
    job = {
        "id": 7,
        "key": "key",
        "generation": 1,
        "version": 3,
        "deployment": "deployment",
        "conn_id": "dcluster_default",
        "spec": {"client": "team", "module": "report", "job_type": "flink", "args": ["a"]},
        "state": "RUNNING",
        "created_at": now,
        "state_since": now,
        "ui_url": "http://page",
        "client": "team",
        "module": "report",
        "cluster_id": 1,
        "owns_cluster": False,
    }
    (tmp_path / "new").mkdir()
    store_in_schema(registry_url, "0001", "dcluster_job", job)
    registry = Registry(registry_url)
    (found,) = registry.jobs.list()
    assert (found.id, found.state, found.spec.args, found.ui_url) == (
        7,
        JobState.RUNNING,
        ("a",),
        "http://page",
    )
    assert (found.savepoint_requested, found.savepoint, found.savepoint_failure) == (False, "", None)
    assert found.spec.savepoint == ""
    saved = registry.jobs.save(replace(found, savepoint_requested=True, state=JobState.STOPPING))
    assert registry.jobs.get(7) == saved
    assert registry.describe().endswith(f"(schema {HEAD})")


def test_clusters_of_the_schema_before_locations_are_kept(registry_url, tmp_path, now):
    cluster = {
        "id": 7,
        "key": "key",
        "generation": 1,
        "version": 3,
        "deployment": "deployment",
        "conn_id": "dcluster_default",
        "spec": {"tenant": "team", "workers": 2},
        "state": "RUNNING",
        "created_at": now,
        "state_since": now,
        "ui_url": "http://page",
        "name": "spark3-dev-team",
        "platform": "kubernetes",
        "tenant": "team",
        "engine": "spark",
        "long_living": False,
        "job_seen_at": now,
        "master_url": "spark://master:7077",
        "workers_ready": 2,
    }
    (tmp_path / "new").mkdir()
    store_in_schema(registry_url, "0005", "dcluster_cluster", cluster)
    registry = Registry(registry_url)
    (found,) = registry.clusters.list()
    assert (found.id, found.name, found.state) == (7, "spark3-dev-team", ClusterState.RUNNING)
    assert (found.spec.workers, found.workers_ready, found.location) == (2, 2, "")
    assert found.last_used_at == now
    saved = registry.clusters.save(replace(found, state=ClusterState.TERMINATING))
    assert registry.clusters.get(7) == saved


@pytest.mark.parametrize(
    ("table", "columns"), [("cluster", ["diagnosis"]), ("job", ["diagnosis", "savepoint_failure"])]
)
def test_the_reason_of_a_stored_diagnosis_becomes_its_code(registry_url, tmp_path, now, table, columns):
    told = {"reason": "OutOfcpu", "cause": "It broke.", "remedy": "Mend it.", "evidence": ["one", "two"]}
    row = {
        "key": "key",
        "generation": 1,
        "version": 3,
        "deployment": "deployment",
        "registry_id": "",
        "conn_id": "dcluster_default",
        "state": "FAILED",
        "created_at": now,
        "state_since": now,
        "ui_url": "",
    }
    of_table = {
        "cluster": {
            "spec": {"tenant": "team"},
            "name": "spark3-dev-team",
            "platform": "kubernetes",
            "place": "",
            "tenant": "team",
            "engine": "spark",
            "long_living": False,
            "job_seen_at": now,
            "master_url": "",
            "workers_ready": 0,
        },
        "job": {
            "spec": {"client": "team", "module": "report", "job_type": "flink"},
            "client": "team",
            "module": "report",
            "cluster_id": 1,
            "owns_cluster": False,
            "savepoint_wanted": False,
            "savepoint": "",
        },
    }
    other = {"name": "spark3-dev-other"} if table == "cluster" else {}
    rows = [
        {**row, **of_table[table], "id": 7, **dict.fromkeys(columns, told)},
        {**row, **of_table[table], "id": 8, "key": "another", **other, **dict.fromkeys(columns)},
    ]
    (tmp_path / "new").mkdir()
    store_in_schema(registry_url, "0008", f"dcluster_{table}", rows)
    registry = Registry(registry_url)
    store = registry.clusters if table == "cluster" else registry.jobs
    for column in columns:
        diagnosis = getattr(store.get(7), column)
        assert diagnosis.as_json() == {
            **{name: told[name] for name in told if name != "reason"},
            "code": "OutOfcpu",
        }
        assert getattr(store.get(8), column) is None
    assert store.get(7).version == 3
