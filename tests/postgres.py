"""A PostgreSQL server of the tests' own, and a fresh database on it for each test that asks for one."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

START_TIMEOUT = 60  # seconds


class Server:
    """A running PostgreSQL server.

    :param socket_folder: where it listens; it has no TCP port.
    """

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg2://dcluster@/{database}?host={self._socket_folder}"

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        import psycopg2

        connection = psycopg2.connect(host=str(self._socket_folder), user="dcluster", dbname="postgres")
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for the whole run; its time zone is far from UTC, so that a mistake about zones shows."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (no initdb on PATH or under /usr/lib/postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="dcluster-postgres-"))
    try:
        with run_server(binaries, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def run_server(binaries: Path, folder: Path) -> Iterator[Server]:
    """A server whose data are in the folder, ended at the end."""
    data = folder / "data"
    as_user = _unprivileged(folder)
    initdb = [binaries / "initdb", "-D", data, "-U", "dcluster", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=folder, **as_user)
    settings = {
        "unix_socket_directories": folder,
        "listen_addresses": "",
        "fsync": "off",
        "timezone": "Asia/Shanghai",
        "max_connections": 200,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], stdout=output, stderr=output, cwd=folder, **as_user
        )
    try:
        server = Server(folder)
        _wait_until_ready(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # ends its clients and then itself
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2

    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.05)
        else:
            return


def _binaries() -> Path | None:
    """The folder of the newest server's programs: what is on PATH, else where Debian keeps them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda program: float(program.parts[-3]), default=None)
    return newest.parent if newest else None


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: arguments of subprocess that make it another user, who gets the folder."""
    if os.geteuid() != 0:
        return {"env": os.environ | {"USER": getpass.getuser()}}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
