from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hanging import HANG_SECONDS
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dcluster_provider.core.errors import InvalidSpec, NotFound, RegistryUnusable
from dcluster_provider.registry import engine as engine_module
from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.store import Registry


def test_threads_share_a_registry(registry, claim_cluster):
    with ThreadPoolExecutor(16) as threads:
        claims = list(threads.map(lambda number: claim_cluster(registry, key=str(number % 10)), range(80)))
    assert sum(claim.created for claim in claims) == 10
    assert len({claim.record.name for claim in claims}) == 10


def _in_child(work) -> int:
    """Call the function in a child made by ``os.fork`` and wait for it; 0 when it returned."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told to the parent, which fails
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_child_does_not_inherit_a_connection(registry_url):
    database = Database(registry_url)
    before = _open_files()
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    of_database = _open_files() - before
    assert of_database

    def check():
        assert not of_database & _open_files()
        with database.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1

    assert _in_child(check) == 0
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def _open_files() -> set[str]:
    """The files and sockets that this process has open, among them those of its databases."""
    targets = set()
    for entry in Path("/proc/self/fd").iterdir():
        # The descriptor of this very listing is gone by now.
        with suppress(FileNotFoundError):
            targets.add(str(entry.readlink()))
    return targets


def test_parent_and_child_work_on_after_a_fork(registry, claim_cluster):
    claim_cluster(registry, key="before")

    def claim_many(who):
        for number in range(20):
            assert claim_cluster(registry, key=f"{who} {number}").created

    parent = threading.Thread(target=claim_many, args=("parent",))
    parent.start()
    assert _in_child(lambda: claim_many("child")) == 0
    parent.join()
    assert len(registry.clusters.list()) == 41


def test_fork_waits_for_a_transaction_of_another_thread(registry, claim_cluster):
    cluster = claim_cluster(registry).record
    inside, forking = threading.Event(), threading.Event()
    order = []

    def hold_a_transaction():
        with registry.database.write():
            inside.set()
            forking.wait(HANG_SECONDS)
            order.append("transaction over")

    holder = threading.Thread(target=hold_a_transaction)
    holder.start()
    inside.wait(HANG_SECONDS)
    forking.set()
    assert _in_child(lambda: registry.clusters.save(replace(cluster, workers_ready=1))) == 0
    order.append("child over")
    holder.join()
    assert order == ["transaction over", "child over"]
    assert registry.clusters.get(cluster.id).workers_ready == 1


def test_fork_in_the_middle_of_a_transaction_goes_on_after_a_while(registry, claim_cluster, monkeypatch):
    monkeypatch.setattr(engine_module, "_FORK_TIMEOUT", 0.1)
    claim_cluster(registry)
    with registry.database.read() as connection:
        assert _in_child(lambda: registry.clusters.list()[0]) == 0
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert len(registry.clusters.list()) == 1


def test_sqlite_is_set_up_for_many_processes(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/a/b/registry.db")
    with registry.database.read() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "busy_timeout": 30000, "synchronous": 2}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:s3cret@host/db",
        "postgresql+asyncpg://user:s3cret@host/db",
        "sqlite+aiosqlite:////x.db",
        "sqlite://",
        "sqlite:///relative.db",
        "s3cret",
        "postgresql://user:s3cret@host:port/db",
        "",
    ],
)
def test_unsupported_url_is_refused_without_its_password(url):
    with pytest.raises(InvalidSpec) as raised:
        Registry(url)
    told = "".join(traceback.format_exception(raised.value))
    assert "s3cret" not in told
    assert "sqlite:////absolute/path/registry.db" in told
    assert "postgresql+psycopg2://" in told


def test_server_that_cannot_be_reached_is_told_without_the_password():
    pytest.importorskip("psycopg2")
    registry = Registry("postgresql+psycopg2://user:s3cret@127.0.0.1:1/db?sslpassword=s3cret")
    with pytest.raises(RegistryUnusable) as raised:
        registry.clusters.list()
    told = "".join(traceback.format_exception(raised.value))
    assert "s3cret" not in told
    assert "postgresql+psycopg2://user:***@127.0.0.1:1/db" in told
    assert "Connection refused" in told


def test_file_that_is_no_database_is_told(tmp_path, claim_cluster):
    (tmp_path / "registry.db").write_text("this is a text" * 100)
    with pytest.raises(RegistryUnusable, match=r"registry\.db.*not a database"):
        claim_cluster(Registry(f"sqlite:///{tmp_path}/registry.db"))


def test_folder_that_cannot_be_made_is_told(tmp_path, claim_cluster):
    (tmp_path / "file").touch()
    with pytest.raises(RegistryUnusable, match=r"file/registry\.db"):
        claim_cluster(Registry(f"sqlite:///{tmp_path}/file/registry.db"))


def _raise(error):
    raise error


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError("SELECT 1", {}, Exception("connection already closed")),
        PoolTimeout("QueuePool limit of size 4 overflow 28 reached, connection timed out"),
        OperationalError("SELECT 1", {}, Exception("server closed the connection unexpectedly")),
    ],
)
def test_a_connection_that_is_gone_or_not_free_is_a_registry_that_cannot_be_used(registry, error):
    with pytest.raises(RegistryUnusable, match="cannot be used"), registry.database.read():
        _raise(error)


def test_a_mistake_in_a_query_is_no_absence_of_the_registry(registry):
    with pytest.raises(ProgrammingError), registry.database.read():
        _raise(ProgrammingError("SELEC 1", {}, Exception("syntax error")))


@pytest.mark.parametrize("number", [-(10**30), -1, 0, 2**31, 2**63, 10**30])
def test_a_number_that_no_row_can_have_is_no_row(registry, claim_cluster, claim_job, number):
    cluster = claim_cluster(registry).record
    job = claim_job(registry, cluster_id=cluster.id).record
    for read in (registry.clusters.get, registry.jobs.get):
        with pytest.raises(NotFound, match=str(number)):
            read(number)
    assert registry.clusters.get_many([number, cluster.id]) == [cluster]
    assert registry.jobs.get_many([number, job.id]) == [job]
    assert registry.jobs.list(cluster_id=number) == []
    assert registry.jobs.list(after_id=number) == [job]
    assert registry.events.list(cluster_id=number) == registry.events.list(job_id=number) == []
    assert registry.jobs.list(limit=number) == ([job] if number > 0 else [])
