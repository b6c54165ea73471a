"""What Flink runs once so that the classes that its JobManagers, TaskManagers and clients load are archived."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.engines.flink.conf import DAEMON_LOGGING, configuration_text
from dcluster_provider.platforms.local.flink.launch import environment, java_arguments
from dcluster_provider.platforms.local.installation.class_archive import Training
from dcluster_provider.platforms.local.installation.engines import LocalEngine

_PROGRAM = """\
from pyflink.table import EnvironmentSettings, TableEnvironment
tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
tables.execute_sql("SELECT n % 2 AS rest, COUNT(*) AS many FROM (VALUES (1), (2), (3)) AS t(n) GROUP BY n % 2").print()
"""


def training(engine: LocalEngine, folder: Path) -> Training:
    """A PyFlink program in a JVM that is client, JobManager and TaskManager at the same time."""
    program, python = folder / "training.py", str(engine.python)
    program.write_text(_PROGRAM)
    settings = {"python.executable": python, "python.client.executable": python, "execution.target": "local"}
    (folder / "config.yaml").write_text(configuration_text(settings))
    (folder / "log4j.properties").write_text(DAEMON_LOGGING)
    command = [*java_arguments(engine, folder, folder), "-XX:TieredStopAtLevel=1"]
    command += ["org.apache.flink.client.cli.CliFrontend", "run", "-py", str(program)]
    return Training(command, environment(engine, engine.home / "plugins", folder))
