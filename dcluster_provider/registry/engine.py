"""Connections to the registry's database: transactions, locks, and safety across forks and threads."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from dcluster_provider.core.errors import InvalidSpec, RegistryUnusable

_BUSY_TIMEOUT = 30  # seconds that a SQLite write waits for the write lock
_FORK_TIMEOUT = 5  # seconds that a fork waits for the transactions of other threads
_DRIVERS = {"sqlite": ("pysqlite",), "postgresql": ("psycopg2", "psycopg")}
_SUPPORTED = "sqlite:////absolute/path/registry.db or postgresql+psycopg2://user:password@host/database"


class Database:
    """A database whose connections stay in the process and the thread that uses them.

    :param url: SQLAlchemy's, of a SQLite file or a PostgreSQL database.
    :raises InvalidSpec: the URL is of another kind; the message names the supported ones and never a password.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked(url)
        self._engine: Engine | None = None
        self._active = 0
        self._gate = threading.Condition()
        _databases.add(self)

    def __str__(self) -> str:
        # The query may hold a password too.
        return self._url.set(query={}).render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database, none for PostgreSQL."""
        is_file = self._url.get_backend_name() == "sqlite" and self._url.database
        return Path(self._url.database or "") if is_file else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that reads one snapshot of the database and changes nothing."""
        with self.explain(), self.engine() as engine, engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, and rolled back by an error.

        On SQLite it takes the write lock at the beginning, so that what it reads cannot change before it writes.
        """
        with self.explain(), self.engine() as engine, engine.connect() as connection:
            connection.execution_options(dcluster_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The engine of this process; a fork waits until it is no longer used."""
        with self._gate:
            if self._engine is None:
                self._engine = self._make_engine()
            engine = self._engine
            self._active += 1
        try:
            yield engine
        finally:
            with self._gate:
                self._active -= 1
                self._gate.notify_all()

    @contextmanager
    def explain(self) -> Iterator[None]:
        """Raise ``RegistryUnusable`` for errors of the operating system, the database or the way to it.

        These include a connection that its driver has closed (InterfaceError), and a pool without a free connection.
        """
        try:
            yield
        except (OSError, DBAPIError, PoolTimeout) as error:
            if isinstance(error, (DataError, IntegrityError, ProgrammingError)):
                raise
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise RegistryUnusable(
                f"The registry {self} cannot be used: {str(reason).strip()}. "
                "Check that its folder or server can be reached, and can be written by this user."
            ) from None

    def _make_engine(self) -> Engine:
        common: dict[str, Any] = {
            "future": True,
            "hide_parameters": True,
            "poolclass": QueuePool,
            "pool_size": 4,
            "max_overflow": 28,
        }
        if self.file is None:
            try:
                return create_engine(self._url, pool_pre_ping=True, **common)
            except ModuleNotFoundError as error:
                raise RegistryUnusable(
                    f"The registry {self} needs the Python module {error.name}; "
                    "install it with: pip install 'dcluster-provider[postgres]'"
                ) from None
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Without an isolation level the driver begins no transaction by itself: it would begin one too late.
        options = {"timeout": _BUSY_TIMEOUT, "check_same_thread": False, "isolation_level": None}
        engine = create_engine(self._url, connect_args=options, **common)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def hold(self) -> None:
        """Close every connection and open none until :meth:`release`, around a fork."""
        self._gate.acquire()
        self._gate.wait_for(lambda: self._active == 0, timeout=_FORK_TIMEOUT)
        if self._engine is not None and self._active == 0:
            self._engine.dispose()
        self._engine = None

    def release(self, in_child: bool) -> None:
        """Allow connections again after a fork."""
        if in_child:
            self._active = 0
        self._gate.release()


def lock(connection: Connection, *purposes: tuple[str, ...]) -> None:
    """Serialize transactions by purpose: each holds the locks of its purpose until its end.

    A write transaction of SQLite has the whole database for itself already.
    """
    if connection.dialect.name != "postgresql":
        return
    digests = (hashlib.sha256("\0".join(purpose).encode()).digest() for purpose in purposes)
    # Always in the same order, so that two transactions never wait for each other.
    for number in sorted(int.from_bytes(digest[:8], "big", signed=True) for digest in digests):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidSpec(f"The registry's URL cannot be read; write {_SUPPORTED}") from None
    backend, _, driver = parsed.drivername.partition("+")
    if backend not in _DRIVERS or (driver and driver not in _DRIVERS[backend]):
        raise InvalidSpec(f"The registry cannot be kept in {parsed.drivername!r}; write {_SUPPORTED}")
    if backend == "sqlite" and not Path(parsed.database or "").is_absolute():
        raise InvalidSpec(
            f"The registry's SQLite file {parsed.database or ':memory:'!r} is not an absolute path, "
            f"so other processes would not find it; write {_SUPPORTED}"
        )
    return parsed


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # A commit survives a loss of power; the log is written back after 16 MB, so that few calls have to do it.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")


def _begin_sqlite(connection: Connection) -> None:
    is_write = connection.get_execution_options().get("dcluster_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


# A SQLite connection that is open while its process forks makes the locks of the child's own connections
# ineffective, and a PostgreSQL connection would be spoken on by two processes: none is open during a fork.
_databases: WeakSet[Database] = WeakSet()
_forking = threading.Lock()
_held: list[Database] = []


def _before_fork() -> None:
    _forking.acquire()
    _held.extend(_databases)
    for database in _held:
        database.hold()


def _after_fork(in_child: bool) -> None:
    for database in _held:
        database.release(in_child)
    _held.clear()
    _forking.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=lambda: _after_fork(in_child=False),
    after_in_child=lambda: _after_fork(in_child=True),
)
