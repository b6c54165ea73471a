"""What holds for every test: an Airflow home of its own, and engines that start fast."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

# Airflow reads its home when it is first imported, so this stands before any test module.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="dcluster-tests-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
    # The JVMs of this machine's engines live for seconds here, too short for well compiled code to pay.
    "JDK_JAVA_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
# No test asserts how long something takes: on a busy machine an example may take any time.
settings.register_profile(
    "busy machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")
pytest_plugins = [
    "resuming",
    "rings",
    "interrupting",
    "skips",
    "postgres",
    "airflow_databases",
    "result_tables",
    "http_folder",
    "testbed.plugin",
]
